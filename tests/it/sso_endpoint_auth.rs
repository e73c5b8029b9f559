//! Who Cambio is to the systems that it asks: every way of `auth`, further headers, and
//! certificates in both directions, read again when their files change. The keys are the same
//! for `http`, `introspection` and `oidc`.

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cambio::domain::SystemRandom;
use cambio::sso::SsoValidator;
use cambio::support::Watcher;
use cambio::token::{Algorithm, generate};
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::fake_upstream::{Behaviour, Upstream, read_request};
use crate::sso_fixtures::{NOW, cx, name, problem_paths, token, try_build, validator};

/// Tables of the three kinds, with the same keys added.
fn tables(origin: &str, keys: &Value) -> [Value; 3] {
    let http = json!({"kind": "http", "url": format!("{origin}/session"),
        "send": {"header": {"name": "x-session"}}, "fields": {"subject": "sub"}});
    let introspection = json!({"kind": "introspection", "url": format!("{origin}/introspect?v=1")});
    let oidc = json!({"kind": "oidc", "issuer": origin, "audience": "cambio",
        "algorithms": ["ES256"]});
    [http, introspection, oidc].map(|mut table| {
        let patient = json!({"connect_timeout": "20s", "read_timeout": "20s", "timeout": "20s"});
        for more in [&patient, keys] {
            table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        }
        table
    })
}

fn table(origin: &str, kind: &str, keys: &Value) -> Value {
    tables(origin, keys).into_iter().find(|table| table["kind"] == kind).unwrap()
}

fn yes() -> Behaviour {
    Behaviour::json(json!({"active": true, "sub": "ann"}))
}

/// What an endpoint is sent by a validator of the kind.
async fn sent(kind: &str, keys: Value) -> String {
    let up = Upstream::start(yes()).await;
    let validator = validator(table(&up.origin, kind, &keys));
    // The verdict of `oidc` is another matter: nobody publishes keys here.
    let claims = URL_SAFE_NO_PAD.encode(json!({"iss": up.origin}).to_string());
    let text = format!("eyJhbGciOiJFUzI1NiJ9.{claims}.AA");
    let _ = validator.validate(&token(&text), &cx()).await;
    assert_eq!(up.requests().len(), 1);
    up.requests().concat()
}

fn header<'r>(request: &'r str, name: &str) -> &'r str {
    let line = request.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.strip_prefix(": ")).unwrap_or_default()
}

/// The fields of the form, decoded.
fn form(request: &str) -> Vec<(String, String)> {
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    let url = reqwest::Url::parse(&format!("http://h/?{body}")).unwrap();
    url.query_pairs().into_owned().collect()
}

fn field<'f>(form: &'f [(String, String)], name: &str) -> &'f str {
    let found: Vec<_> = form.iter().filter(|(key, _)| key == name).collect();
    assert_eq!(found.len(), 1, "{name}");
    &found[0].1
}

#[tokio::test]
async fn every_kind_sends_what_is_configured() {
    for kind in ["http", "introspection", "oidc"] {
        let bearer = sent(kind, json!({"auth": {"bearer": "abc.DEF-_~+/="}})).await;
        assert_eq!(header(&bearer, "authorization"), "Bearer abc.DEF-_~+/=", "{kind}");
        let keys = json!({"auth": {"basic": {"username": "zoë", "password": "p:w é"}},
            "headers": {"X-Api-Key": "k"}});
        let basic = sent(kind, keys).await;
        let pair = format!("Basic {}", STANDARD.encode("zoë:p:w é"));
        assert_eq!(header(&basic, "authorization"), pair, "{kind}");
        assert_eq!(header(&basic, "x-api-key"), "k", "{kind}");
        let plain = sent(kind, json!({})).await;
        assert_eq!(header(&plain, "authorization"), "", "{kind}");
    }
}

#[tokio::test]
async fn a_client_id_and_secret_are_encoded_before_they_are_joined() {
    let client = json!({"client_id": "a:b c", "client_secret": "p%:+/é"});
    let request = sent("introspection", json!({"auth": {"client_secret_basic": client}})).await;
    let pair = STANDARD.encode("a%3Ab%20c:p%25%3A%2B%2F%C3%A9");
    assert_eq!(header(&request, "authorization"), format!("Basic {pair}"));
    assert_eq!(form(&request).len(), 1, "only the token is in the form");

    let request = sent("introspection", json!({"auth": {"client_secret_post": client}})).await;
    assert_eq!(header(&request, "authorization"), "");
    let form = form(&request);
    assert_eq!((field(&form, "client_id"), field(&form, "client_secret")), ("a:b c", "p%:+/é"));
}

#[tokio::test]
async fn an_assertion_is_short_lived_and_used_once() {
    for alg in [Algorithm::ES256, Algorithm::RS256, Algorithm::EdDSA] {
        let key = generate(alg, &SystemRandom).unwrap();
        let up = Upstream::start(yes()).await;
        let auth = json!({"client_id": "cambio", "key": key.private.expose(),
            "algorithm": alg.name()});
        let keys = json!({"auth": {"private_key_jwt": auth}});
        let asking = validator(table(&up.origin, "introspection", &keys));
        for _ in 0..2 {
            assert_eq!(name(&asking.validate(&token("abc"), &cx()).await), "verified");
        }
        let jwks = json!({"keys": [key.public]}).to_string();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), jwks).unwrap();
        // Another validator of ours is who checks it.
        let believing = validator(json!({"kind": "jwt", "algorithms": [alg.name()],
            "issuer": "cambio", "audience": format!("{}/introspect?v=1", up.origin),
            "header_typ": "JWT", "jwks_file": file.path()}));
        let mut ids = Vec::new();
        for request in up.requests() {
            let form = form(&request);
            assert_eq!(field(&form, "client_id"), "cambio");
            assert_eq!(
                field(&form, "client_assertion_type"),
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            );
            let assertion = field(&form, "client_assertion");
            let who = believing.validate(&token(assertion), &cx()).await.unwrap();
            assert_eq!(who.subject.as_str(), "cambio");
            let [header, claims] = parts(assertion);
            assert_eq!(header["kid"], json!(key.kid));
            assert_eq!(claims["iat"], NOW.secs());
            assert_eq!(claims["exp"], NOW.secs() + 60);
            ids.push(claims["jti"].as_str().unwrap().to_owned());
        }
        assert_ne!(ids[0], ids[1]);
    }
}

#[tokio::test]
async fn an_assertion_says_what_the_server_wants_to_hear() {
    let key = generate(Algorithm::ES256, &SystemRandom).unwrap();
    let auth = json!({"client_id": "cambio", "key": key.private.expose(), "algorithm": "ES256",
        "audience": "https://idp", "key_id": "mine", "ttl": "10s"});
    let request = sent("introspection", json!({"auth": {"private_key_jwt": auth}})).await;
    let [header, claims] = parts(field(&form(&request), "client_assertion"));
    assert_eq!(header, json!({"alg": "ES256", "typ": "JWT", "kid": "mine"}));
    assert_eq!((&claims["aud"], &claims["exp"]), (&json!("https://idp"), &json!(NOW.secs() + 10)));
}

fn parts(jws: &str) -> [Value; 2] {
    let mut parts = jws.split('.');
    [(); 2].map(|()| {
        let json = URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap();
        serde_json::from_slice(&json).unwrap()
    })
}

#[tokio::test]
async fn secrets_in_files_are_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    for (auth, of) in [
        (json!({"bearer": {"file": file}}), |r: &str| header(r, "authorization").to_owned()),
        (json!({"client_secret_post": {"client_id": "c", "client_secret": {"file": file}}}), {
            |r: &str| field(&form(r), "client_secret").to_owned()
        }),
    ] as [(Value, fn(&str) -> String); 2]
    {
        std::fs::write(&file, "first\n").unwrap();
        let up = Upstream::start(yes()).await;
        let watcher = Watcher::default();
        let keys = json!({"auth": auth, "headers": {"x-key": {"file": file}}});
        let asking = try_build(table(&up.origin, "introspection", &keys), &watcher, true).unwrap();
        let ask = async || {
            assert_eq!(name(&asking.validate(&token("abc"), &cx()).await), "verified");
            let request = up.requests().pop().unwrap();
            (header(&request, "x-key").to_owned(), of(&request))
        };
        let (in_header, in_auth) = ask().await;
        assert_eq!((in_header.as_str(), in_auth.ends_with("first")), ("first", true));
        std::fs::write(&file, "the-second").unwrap();
        watcher.poll();
        let (in_header, in_auth) = ask().await;
        assert_eq!((in_header.as_str(), in_auth.ends_with("the-second")), ("the-second", true));
        // A bad new version keeps the good old one.
        std::fs::write(&file, "").unwrap();
        watcher.poll();
        assert_eq!(ask().await.0, "the-second");
    }
}

/// A bearer token with a space in it is none: the check of the file's new content.
#[tokio::test]
async fn a_bad_new_token_is_not_sent() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "good").unwrap();
    let up = Upstream::start(yes()).await;
    let watcher = Watcher::default();
    let keys = json!({"auth": {"bearer": {"file": file.path()}}});
    let asking = try_build(table(&up.origin, "http", &keys), &watcher, true).unwrap();
    std::fs::write(file.path(), "not a token").unwrap();
    watcher.poll();
    assert_eq!(name(&asking.validate(&token("abc"), &cx()).await), "verified");
    assert_eq!(header(&up.requests().concat(), "authorization"), "Bearer good");
}

/// An authority, and certificates of its making in a folder.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, dir }
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    /// Writes `<name>.key`, then `<name>.crt`; the certificate and the key.
    fn issue(&self, name: &str) -> (CertificateDer<'static>, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.file(&format!("{name}.key")), key.serialize_pem()).unwrap();
        std::fs::write(self.file(&format!("{name}.crt")), certificate.pem()).unwrap();
        (certificate.der().clone(), key)
    }

    fn keys(&self) -> Value {
        json!({"ca_file": self.file("ca.pem"), "client_certificate":
            {"certificate_file": self.file("us.crt"), "key_file": self.file("us.key")}})
    }
}

/// A server that speaks only to whom the authority knows. It notes whom, and what they ask.
struct Strict {
    origin: String,
    seen: Arc<Mutex<Vec<CertificateDer<'static>>>>,
    requests: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Strict {
    async fn start(authority: &Authority) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let (certificate, key) = authority.issue("server");
        let mut roots = RootCertStore::empty();
        roots.add(authority.issuer.der().clone()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(
                vec![certificate],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let seen: Arc<Mutex<Vec<_>>> = Arc::default();
        let requests: Arc<Mutex<Vec<_>>> = Arc::default();
        let (seeing, noting) = (Arc::clone(&seen), Arc::clone(&requests));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Who is not known does not get further.
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
                seeing.lock().push(shown.into_owned());
                let Some(request) = read_request(&mut stream).await else { continue };
                noting.lock().push(request);
                let body = r#"{"active": true, "sub": "ann"}"#;
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { origin, seen, requests, task }
    }
}

impl Drop for Strict {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn verdict(validator: &Arc<dyn SsoValidator>) -> &'static str {
    name(&validator.validate(&token("abc"), &cx()).await)
}

#[tokio::test]
async fn a_client_certificate_is_shown_and_replaced() {
    let authority = Authority::new();
    let server = Strict::start(&authority).await;
    let (first, _) = authority.issue("us");
    let watcher = Watcher::default();
    for kind in ["http", "introspection"] {
        let build = |keys: &Value| try_build(table(&server.origin, kind, keys), &watcher, true);
        let with = build(&authority.keys()).unwrap();
        assert_eq!(verdict(&with).await, "verified");
        assert_eq!(server.seen.lock().last(), Some(&first));
        let without = build(&json!({"ca_file": authority.file("ca.pem")})).unwrap();
        assert_eq!(verdict(&without).await, "unavailable");
    }
    let keys = authority.keys();
    let asking = try_build(table(&server.origin, "http", &keys), &watcher, true).unwrap();
    let (second, _) = authority.issue("us");
    assert_ne!(first, second);
    grow(&authority.file("us.crt"));
    watcher.poll();
    assert_eq!(verdict(&asking).await, "verified");
    assert_eq!(server.seen.lock().last(), Some(&second));
    // A certificate without its key changes nothing.
    std::fs::write(authority.file("us.crt"), authority.issuer.pem()).unwrap();
    watcher.poll();
    assert_eq!(verdict(&asking).await, "verified");
    assert_eq!(server.seen.lock().last(), Some(&second));
}

/// A file system may not tell two writes of one moment apart.
fn grow(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    std::fs::write(path, format!("{text}\n\n")).unwrap();
}

#[tokio::test]
async fn an_authority_is_replaced() {
    let (ours, other) = (Authority::new(), Authority::new());
    let server = Strict::start(&ours).await;
    ours.issue("us");
    std::fs::write(ours.file("ca.pem"), format!("{}\n\n", other.issuer.pem())).unwrap();
    let watcher = Watcher::default();
    let table = table(&server.origin, "http", &ours.keys());
    let asking = try_build(table, &watcher, true).unwrap();
    assert_eq!(verdict(&asking).await, "unavailable");
    std::fs::write(ours.file("ca.pem"), ours.issuer.pem()).unwrap();
    watcher.poll();
    assert_eq!(verdict(&asking).await, "verified");
}

#[tokio::test]
async fn a_certificate_alone_names_the_client() {
    let authority = Authority::new();
    let server = Strict::start(&authority).await;
    authority.issue("us");
    let mut keys = authority.keys();
    keys["auth"] = json!({"tls_client_auth": {"client_id": "cambio"}});
    let asking = validator(table(&server.origin, "introspection", &keys));
    assert_eq!(verdict(&asking).await, "verified");
    let requests = server.requests.lock().concat();
    assert_eq!(header(&requests, "authorization"), "");
    assert!(requests.contains("client_id=cambio"), "{requests}");
}

#[test]
fn what_cannot_work_does_not_start() {
    let key = generate(Algorithm::ES256, &SystemRandom).unwrap();
    let pem = key.private.expose();
    let secret = json!({"client_id": "c", "client_secret": "s"});
    let assertion = |changes: Value| {
        let mut auth = json!({"client_id": "c", "key": pem, "algorithm": "ES256"});
        auth.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        json!({"auth": {"private_key_jwt": auth}})
    };
    let authority = Authority::new();
    authority.issue("us");
    let of = "https://idp.example";
    for (keys, path) in [
        (json!({"auth": {}}), "v.auth"),
        (json!({"auth": {"bearer": "a", "client_secret_post": secret}}), "v.auth"),
        (json!({"auth": {"bearer": "two words"}}), "v.auth.bearer"),
        (json!({"auth": {"bearer": {"file": "/nowhere"}}}), "v.auth.bearer"),
        (json!({"auth": {"basic": {"username": "a:b", "password": "p"}}}), "v.auth.basic.username"),
        (json!({"auth": {"basic": {"username": "a", "password": ""}}}), "v.auth.basic.password"),
        (json!({"auth": {"basic": {"username": "a"}}}), "v.auth.basic"),
        (json!({"auth": {"tls_client_auth": {"client_id": "c"}}}), "v.auth.tls_client_auth"),
        (assertion(json!({"algorithm": "HS256"})), "v.auth.private_key_jwt.algorithm"),
        (assertion(json!({"algorithm": "RS256"})), "v.auth.private_key_jwt.key"),
        (assertion(json!({"key": "no pem"})), "v.auth.private_key_jwt.key"),
        (assertion(json!({"ttl": "1h"})), "v.auth.private_key_jwt.ttl"),
        (assertion(json!({"ttl": "100ms"})), "v.auth.private_key_jwt.ttl"),
        (json!({"headers": {"host": "x"}}), "v.headers.host"),
        (json!({"headers": {"x-key": "a\nb"}}), "v.headers.x-key"),
        (
            json!({"auth": {"bearer": "a"}, "headers": {"authorization": "x"}}),
            "v.headers.authorization",
        ),
        (json!({"ca_file": authority.file("us.key")}), "v.ca_file"),
        (
            json!({"client_certificate": {"certificate_file": authority.file("us.crt"),
                "key_file": authority.file("server.key")}}),
            "v.client_certificate",
        ),
        (json!({"client_certificate": {"certificate_file": "/nowhere"}}), "v.client_certificate"),
    ] {
        assert_eq!(problem_paths(table(of, "introspection", &keys)), [path], "{keys}");
    }
    let other = Authority::new();
    other.issue("us");
    let unfit = json!({"client_certificate": {"certificate_file": authority.file("us.crt"),
        "key_file": other.file("us.key")}});
    assert_eq!(problem_paths(table(of, "http", &unfit)), ["v.client_certificate"]);
    // What goes into a form has no place in a GET.
    for kind in ["http", "oidc"] {
        for (auth, path) in [
            (json!({"auth": {"client_secret_post": secret}}), "v.auth.client_secret_post"),
            (assertion(json!({})), "v.auth.private_key_jwt"),
        ] {
            assert_eq!(problem_paths(table(of, kind, &auth)), [path], "{kind}");
        }
    }
    // Nor has our own proof where the credential goes.
    let mut taken = table(of, "http", &json!({"auth": {"bearer": "a"}}));
    taken["send"] = json!({"header": {"name": "Authorization", "prefix": "Bearer "}});
    assert_eq!(problem_paths(taken), ["v.auth"]);
}

#[tokio::test]
async fn no_secret_is_shown() {
    let key = generate(Algorithm::ES256, &SystemRandom).unwrap();
    let pem = key.private.expose();
    let secret = json!({"client_id": "c", "client_secret": "hunter2"});
    for auth in [
        json!({"bearer": "hunter2"}),
        json!({"basic": {"username": "u", "password": "hunter2"}}),
        json!({"client_secret_basic": secret}),
        json!({"client_secret_post": secret}),
        json!({"private_key_jwt": {"client_id": "c", "key": pem, "algorithm": "ES256"}}),
    ] {
        let up = Upstream::start(Behaviour::status(401, "", "hunter2")).await;
        let keys = json!({"auth": auth, "headers": {"x-key": "hunter2"}});
        let asking = validator(table(&up.origin, "introspection", &keys));
        let error = asking.validate(&token("abc"), &cx()).await.unwrap_err();
        let shown = format!("{asking:?} {error} {error:?}");
        for secret in ["hunter2", &STANDARD.encode("u:hunter2"), &STANDARD.encode("c:hunter2"), pem]
        {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    for wrong in [
        json!({"auth": "hunter2"}),
        json!({"auth": {"basic": "hunter2"}}),
        json!({"auth": {"bearer": ["hunter2"]}}),
        json!({"auth": {"bearer": "hunter 2"}}),
        json!({"auth": {"client_secret_post": {"client_id": "c", "client_secret": {"x": "hunter2"}}}}),
        json!({"auth": {"private_key_jwt": {"client_id": "c", "key": "hunter2", "algorithm": "ES256"}}}),
        json!({"headers": "hunter2"}),
        json!({"headers": {"x-key": {"x": "hunter2"}}}),
        json!({"client_certificate": "hunter2"}),
    ] {
        let table = table("https://idp.example", "introspection", &wrong);
        let problems = try_build(table, &Watcher::default(), true).unwrap_err();
        for problem in problems {
            let text = problem.to_string();
            assert!(!text.contains("hunter"), "{text}");
        }
    }
}
