//! An authority of a test's own, and certificates by it for servers and clients.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

use super::server::Folder;

/// An authority (`ca.pem`), and what it has issued: `<file>.pem` and `<file>.key` in one folder.
pub(crate) struct Certificates {
    pub(crate) folder: Folder,
    authority: KeyPair,
}

impl Certificates {
    /// With a server's for `localhost` alone, and a client's.
    pub(crate) fn new() -> Self {
        let certificates =
            Self { folder: Folder::new("nobody"), authority: KeyPair::generate().unwrap() };
        let params = Self::of_authority();
        let authority = params.self_signed(&certificates.authority).unwrap();
        certificates.folder.write("ca.pem", authority.pem());
        certificates.issue("server", "localhost");
        certificates.issue("client", "cambio");
        certificates
    }

    fn of_authority() -> CertificateParams {
        let mut params = CertificateParams::new(["authority.example.com".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    fn issue(&self, file: &str, name: &str) {
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::new(Self::of_authority(), &self.authority);
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        // Another name than the authority's, or it would look self-signed.
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        self.folder.write(&format!("{file}.pem"), certificate.pem());
        self.folder.write(&format!("{file}.key"), key.serialize_pem());
    }

    /// Where a file is.
    pub(crate) fn path(&self, file: &str) -> String {
        self.folder.path().join(file).display().to_string()
    }

    /// The table `tls` of who trusts the authority.
    pub(crate) fn trusting(&self) -> Value {
        json!({"ca_file": self.path("ca.pem")})
    }

    /// The same of who has a certificate of its own.
    pub(crate) fn known(&self) -> Value {
        json!({"ca_file": self.path("ca.pem"), "certificate_file": self.path("client.pem"),
            "key_file": self.path("client.key")})
    }

    /// Settings of a Redis, or of a sentinel, that has the server's certificate. `asks_clients`, for theirs:
    /// `yes` or `no`.
    pub(super) fn of_redis(&self, asks_clients: &str) -> [(&'static str, String); 4] {
        [
            ("tls-cert-file", self.path("server.pem")),
            ("tls-key-file", self.path("server.key")),
            ("tls-ca-cert-file", self.path("ca.pem")),
            ("tls-auth-clients", asks_clients.to_owned()),
        ]
    }
}
