//! TLS: both versions of HTTP, a certificate that is replaced while the server runs, and
//! clients that never finish their handshake.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::tls::TlsInfo;
use reqwest::{Certificate, Client, Version};

use super::config::write;
use super::eventually;
use super::raw::Raw;
use super::server::Server;

/// Signs certificates for `localhost`.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes `tls.key`, then `tls.crt`; the new certificate.
    fn issue(&self, dir: &Path) -> Vec<u8> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        write(dir, "tls.key", &key.serialize_pem());
        write(dir, "tls.crt", &certificate.pem());
        certificate.der().to_vec()
    }

    /// A client that trusts it, and has no connection yet.
    fn client(&self, http1: bool) -> Client {
        let root = Certificate::from_pem(self.0.pem().as_bytes()).unwrap();
        let builder = Client::builder().no_proxy().tls_certs_only([root]).tls_info(true);
        if http1 { builder.http1_only() } else { builder }.build().unwrap()
    }
}

async fn serve(dir: &Path) -> Server {
    let file = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    Server::demo(&[
        ("CAMBIO__SERVER__TLS__CERTIFICATE_FILE", &file("tls.crt")),
        ("CAMBIO__SERVER__TLS__KEY_FILE", &file("tls.key")),
        ("CAMBIO__SERVER__LIMITS__HANDSHAKE_TIMEOUT", "1s"),
    ])
    .await
}

fn url(server: &Server, path: &str) -> String {
    format!("https://localhost:{}{path}", server.address.port())
}

/// The certificate that a new connection sees.
async fn served(authority: &Authority, server: &Server) -> Vec<u8> {
    let client = authority.client(false);
    let response = client.get(url(server, "/nothing")).send().await.unwrap();
    let info = response.extensions().get::<TlsInfo>().unwrap();
    info.peer_certificate().unwrap().to_vec()
}

#[tokio::test]
async fn both_versions_of_http_are_spoken() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    authority.issue(dir.path());
    let server = serve(dir.path()).await;
    for (http1, version) in [(true, Version::HTTP_11), (false, Version::HTTP_2)] {
        let request = authority.client(http1).post(url(&server, "/services/v2/auth/token.json"));
        // Split, as HTTP/2 clients do to compress better.
        let request = request.header("cookie", "theme=dark").header("cookie", server.cookie());
        let response = request.send().await.unwrap();
        assert_eq!(response.version(), version);
        assert_eq!(response.status(), 200);
    }
}

#[tokio::test]
async fn a_replaced_certificate_is_served_and_a_bad_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let first = authority.issue(dir.path());
    let server = serve(dir.path()).await;
    assert_eq!(served(&authority, &server).await, first);

    write(dir.path(), "tls.crt", "not a certificate");
    eventually("the bad file is noticed", async || {
        server.process.stderr().contains("keeping the old version").then_some(())
    })
    .await;
    assert_eq!(served(&authority, &server).await, first);

    let second = authority.issue(dir.path());
    eventually("the new certificate is served", async || {
        (served(&authority, &server).await == second).then_some(())
    })
    .await;
}

#[tokio::test]
async fn handshakes_that_do_not_finish_are_ended() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    authority.issue(dir.path());
    let server = serve(dir.path()).await;
    let silent = Raw::connect(server.address).await;
    let half = Raw::opened(server.address, "\u{16}\u{3}\u{1}").await;
    let plain = Raw::opened(server.address, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    tokio::join!(silent.closed(), half.closed(), plain.closed());
    let response = authority.client(false).get(url(&server, "/nothing")).send().await.unwrap();
    assert_eq!(response.status(), 404);
}
