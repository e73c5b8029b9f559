//! One `validate` of each kind that computes and does not wait, through the trait object
//! that a story holds: groups `sso/<kind>`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot be set up must stop"
)]

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cambio::domain::identity::OneTimeClaim;
use cambio::domain::setting::Problems;
use cambio::domain::{
    Attributes, Credential, SecretString, ServiceName, Subject, TenantId, Timestamp,
};
use cambio::session::{StoreError, Ticket, TicketStore};
use cambio::sso::settings::{BuildCx, build};
use cambio::sso::{SignedCookiePayload, SsoValidator, ValidateCx, issue_signed_cookie};
use cambio::support::Watcher;
use criterion::Criterion;
use futures_util::FutureExt;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The groups of this file.
pub(crate) fn benches(c: &mut Criterion) {
    better_auth(c);
    django(c);
    flask(c);
    http_cached(c);
    signed_cookie(c);
    jwt_hs256(c);
    jwt_es256(c);
}

/// A verdict that is kept: what a request costs while nobody is asked.
fn http_cached(c: &mut Criterion) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/session", listener.local_addr().unwrap());
    let endpoint = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        let body = json!({"sub": "ann@example.com", "roles": ["USE_API", "USER"]}).to_string();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
        write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    });
    let table = json!({"kind": "http", "url": url, "send": {"cookie": {"name": "s"}},
        "fields": {"subject": "sub", "roles": "roles"}, "cache": {}});
    let cx =
        ValidateCx { now: NOW, deadline: in_an_hour(), tenant: &tenant(), service: &service() };
    let validator = validator(table);
    let credential = Credential::Cookie(SecretString::new("s%3A".repeat(10)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(validator.validate(&credential, &cx)).unwrap();
    endpoint.join().unwrap();
    ask(c, "sso/http/cached", &validator, &credential, NOW);
}

fn better_auth(c: &mut Criterion) {
    let file = vectors(include_str!("../../tests/data/vectors/better-auth.json"));
    let table = json!({"kind": "better_auth", "secrets": [file["secret"]]});
    run(c, "sso/better_auth", table, file["session_data_cookie"].as_str().unwrap());
}

fn django(c: &mut Criterion) {
    let file = vectors(include_str!("../../tests/data/vectors/django.json"));
    let cookie = |i: usize| file["signed_cookies"]["vectors"][i]["cookie"].as_str().unwrap();
    let table = |subject: &str| json!({"kind": "django", "secret_key": file["secret_key"], "fields": {"subject": subject}});
    run(c, "sso/django/short", table("uid"), cookie(3));
    run(c, "sso/django/inflated", table("_auth_user_id"), cookie(0));
}

fn flask(c: &mut Criterion) {
    let file = vectors(include_str!("../../tests/data/vectors/flask.json"));
    let table = json!({"kind": "flask", "secret_key": file["secret_key"], "fields": {"subject": "user_id"}});
    run(c, "sso/flask/short", table.clone(), file["vectors"][3]["cookie"].as_str().unwrap());
    let inflated = file["vectors"][0]["cookie"].as_str().unwrap();
    run_at(c, "sso/flask/inflated", table, inflated, Timestamp::from_secs(1_795_278_539));
}

/// Cookies that the real libraries made.
fn vectors(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

fn signed_cookie(c: &mut Criterion) {
    let payload = SignedCookiePayload {
        sub: Subject::parse("ann@example.com").unwrap(),
        uid: Some("4d0c5b7e-7d5f-4f0a-9d3c-0c8f2f6f1a11".to_owned()),
        roles: vec!["USE_API".to_owned(), "USER".to_owned()],
        accounts: vec![],
        exp: NOW.plus(Duration::from_secs(3600)),
        sid: None,
        attrs: Attributes::new(),
    };
    let value = issue_signed_cookie(&SecretString::new(SECRET), &payload);
    let table = json!({"kind": "signed_cookie", "secrets": [SECRET]});
    run(c, "sso/signed_cookie", table, &value);
}

fn jwt_hs256(c: &mut Criterion) {
    let signed = signed_part("HS256");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let token = with_signature(&signed, hmac::sign(&key, signed.as_bytes()).as_ref());
    run(c, "sso/jwt/HS256", jwt("HS256", "secret", json!(SECRET)), &token);
}

fn jwt_es256(c: &mut Criterion) {
    let signed = signed_part("ES256");
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    let der: PublicKeyX509Der<'static> = key.public_key().as_der().unwrap();
    let mut pem = tempfile::NamedTempFile::new().unwrap();
    let body = STANDARD.encode(der.as_ref());
    writeln!(pem, "-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----").unwrap();
    let token = with_signature(&signed, signature.as_ref());
    run(c, "sso/jwt/ES256", jwt("ES256", "pem", json!([{"file": pem.path()}])), &token);
}

fn jwt(algorithm: &str, source: &str, keys: Value) -> Value {
    let mut table = json!({"kind": "jwt", "algorithms": [algorithm], "issuer": "https://idp",
        "audience": "cambio"});
    table[source] = keys;
    table
}

fn signed_part(algorithm: &str) -> String {
    let part = |v: Value| URL_SAFE_NO_PAD.encode(v.to_string());
    let claims = json!({"iss": "https://idp", "sub": "ann@example.com", "aud": "cambio",
        "iat": NOW.secs(), "exp": NOW.secs() + 3600, "roles": ["USE_API", "USER"]});
    format!("{}.{}", part(json!({"alg": algorithm, "typ": "JWT"})), part(claims))
}

fn with_signature(signed: &str, signature: &[u8]) -> String {
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn run(c: &mut Criterion, name: &str, table: Value, credential: &str) {
    run_at(c, name, table, credential, NOW);
}

/// The same at another time.
pub(crate) fn run_at(
    c: &mut Criterion,
    name: &str,
    table: Value,
    credential: &str,
    now: Timestamp,
) {
    ask(c, name, &validator(table), &Credential::Cookie(SecretString::new(credential)), now);
}

fn validator(table: Value) -> Arc<dyn SsoValidator> {
    let watcher = Watcher::default();
    let cx = BuildCx { tickets: Arc::new(NoTickets), watcher: &watcher, production: true };
    build(table, "bench", &cx, &mut Problems::default()).unwrap()
}

fn ask(
    c: &mut Criterion,
    name: &str,
    validator: &Arc<dyn SsoValidator>,
    credential: &Credential,
    now: Timestamp,
) {
    let (tenant, service) = (tenant(), service());
    let cx = ValidateCx { now, deadline: in_an_hour(), tenant: &tenant, service: &service };
    c.bench_function(name, |b| {
        b.iter(|| {
            let verdict = validator.validate(black_box(credential), &cx).now_or_never();
            verdict.expect("these kinds do not wait").expect("the credential is good")
        });
    });
}

fn tenant() -> TenantId {
    TenantId::parse("t").unwrap()
}

fn service() -> ServiceName {
    ServiceName::parse("s").unwrap()
}

fn in_an_hour() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

#[derive(Debug)]
struct NoTickets;

#[async_trait]
impl TicketStore for NoTickets {
    async fn put_ticket(&self, _: OneTimeClaim, _: Ticket) -> Result<(), StoreError> {
        Ok(())
    }

    async fn peek_ticket(
        &self,
        _: OneTimeClaim,
        _: Timestamp,
    ) -> Result<Option<Ticket>, StoreError> {
        Ok(None)
    }
}
