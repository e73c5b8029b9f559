//! What the validators' tests share: a context, a ticket store, keys and tokens, and the
//! way from a table to a validator (the same that the configuration takes).

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use argon2::password_hash::PasswordHasher;
use argon2::{Argon2, Params};
use async_trait::async_trait;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair, RsaPublicKeyComponents,
};
use aws_lc_rs::{hmac, rsa};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cambio::domain::identity::OneTimeClaim;
use cambio::domain::setting::{Problem, Problems};
use cambio::domain::{Credential, SecretString, ServiceName, TenantId, Timestamp, Verified};
use cambio::session::{StoreError, Ticket, TicketStore};
use cambio::sso::settings::{BuildCx, build, build_all};
use cambio::sso::{SsoValidator, ValidateCx, ValidateError};
use cambio::support::Watcher;
use parking_lot::Mutex;
use serde_json::{Value, json};

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static TENANT: LazyLock<TenantId> = LazyLock::new(|| TenantId::parse("nagra").unwrap());
static SERVICE: LazyLock<ServiceName> =
    LazyLock::new(|| ServiceName::parse("Customer Auth Service").unwrap());

/// A context that gives up after `patience`.
pub(crate) fn cx_for(patience: Duration) -> ValidateCx<'static> {
    cx_at(NOW, patience)
}

pub(crate) fn cx_at(now: Timestamp, patience: Duration) -> ValidateCx<'static> {
    ValidateCx { now, deadline: Instant::now() + patience, tenant: &TENANT, service: &SERVICE }
}

pub(crate) fn cx() -> ValidateCx<'static> {
    cx_for(Duration::from_secs(10))
}

pub(crate) fn cookie(text: &str) -> Credential {
    Credential::Cookie(SecretString::new(text))
}

pub(crate) fn token(text: &str) -> Credential {
    Credential::Token(SecretString::new(text))
}

pub(crate) fn password(username: &str, password: &str) -> Credential {
    Credential::Password {
        username: SecretString::new(username),
        password: SecretString::new(password),
    }
}

/// Tickets in a map; `down` makes it fail, `hang` makes it wait for ever.
#[derive(Default)]
pub(crate) struct Tickets {
    pub(crate) tickets: Mutex<HashMap<OneTimeClaim, Ticket>>,
    pub(crate) down: bool,
    pub(crate) hang: bool,
}

#[async_trait]
impl TicketStore for Tickets {
    async fn put_ticket(&self, digest: OneTimeClaim, ticket: Ticket) -> Result<(), StoreError> {
        self.tickets.lock().insert(digest, ticket);
        Ok(())
    }

    async fn peek_ticket(
        &self,
        digest: OneTimeClaim,
        now: Timestamp,
    ) -> Result<Option<Ticket>, StoreError> {
        if self.hang {
            std::future::pending::<()>().await;
        }
        if self.down {
            return Err(StoreError("disk is gone".to_owned()));
        }
        Ok(self.tickets.lock().get(&digest).filter(|t| t.expires_at > now).cloned())
    }
}

/// A ticket of the contexts' tenant and service.
pub(crate) fn ticket() -> Ticket {
    Ticket {
        tenant: TENANT.clone(),
        service: SERVICE.clone(),
        account: cambio::domain::AccountId::parse("1663").unwrap(),
        expires_at: NOW.plus(Duration::from_secs(300)),
        sign_on: None,
    }
}

pub(crate) fn try_build(
    table: Value,
    watcher: &Watcher,
    production: bool,
) -> Result<Arc<dyn SsoValidator>, Vec<Problem>> {
    build_with(table, Arc::new(Tickets::default()), watcher, production)
}

pub(crate) fn build_with(
    table: Value,
    tickets: Arc<dyn TicketStore>,
    watcher: &Watcher,
    production: bool,
) -> Result<Arc<dyn SsoValidator>, Vec<Problem>> {
    let mut problems = Problems::default();
    let built = build(table, "v", &BuildCx { tickets, watcher, production }, &mut problems);
    match built {
        Some(validator) if problems.is_empty() => Ok(validator),
        _ => Err(problems.into_vec()),
    }
}

/// Builds a validator that is expected to be right; what it reads is not read again.
pub(crate) fn validator(table: Value) -> Arc<dyn SsoValidator> {
    try_build(table, &Watcher::default(), false).unwrap()
}

/// An `any_of` over these tables.
pub(crate) fn any_of_validators<const N: usize>(
    tables: [(&str, Value); N],
) -> Arc<dyn SsoValidator> {
    let names: Vec<&str> = tables.iter().map(|(name, _)| *name).collect();
    let list = ("list".to_owned(), json!({"kind": "any_of", "validators": names}));
    let tables = tables.into_iter().map(|(name, table)| (name.to_owned(), table));
    let tables: Vec<(String, Value)> = tables.chain([list]).collect();
    let watcher = Watcher::default();
    let tickets = Arc::new(Tickets::default());
    let cx = BuildCx { tickets, watcher: &watcher, production: false };
    let mut problems = Problems::default();
    let borrowed = tables.iter().map(|(name, table)| (name, table));
    let mut built = build_all(borrowed, "validators", &cx, &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    built.remove("list").unwrap()
}

/// The key paths of the problems that a table has.
pub(crate) fn problem_paths(table: Value) -> Vec<String> {
    let problems = try_build(table, &Watcher::default(), false).err().unwrap_or_default();
    problems.into_iter().map(|p| p.path).collect()
}

/// A table with further keys.
pub(crate) fn merged(mut table: Value, further: &Value) -> Value {
    for (key, value) in further.as_object().unwrap() {
        match (table.get_mut(key), value) {
            (Some(Value::Object(_)), Value::Object(_)) => {
                table[key] = merged(table[key].take(), value);
            }
            _ => table[key] = value.clone(),
        }
    }
    table
}

/// A port of this machine where nobody listens.
pub(crate) async fn refusing_port() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

/// The keys that the reference names under a heading, sorted.
pub(crate) fn reference_keys<'r>(reference: &'r str, heading: &str) -> Vec<&'r str> {
    let below = reference.lines().skip_while(|line| *line != heading).skip(1);
    let keys = below.take_while(|line| !line.starts_with("#[") && !line.starts_with('['));
    let key = |line: &'r str| line.split_once(" = ")?.0.strip_prefix('#');
    let mut keys: Vec<_> = keys.filter_map(key).filter(|key| !key.starts_with(' ')).collect();
    keys.sort_unstable();
    keys
}

/// A file of what a real library wrote, and the cookie at a place in it.
pub(crate) fn vector(name: &str, cookie: &str) -> (Value, String) {
    let path = format!("{}/tests/data/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cookie = file.pointer(cookie).unwrap().as_str().unwrap().to_owned();
    (file, cookie)
}

/// The verdict's name, for comparing.
pub(crate) fn name(verdict: &Result<Verified, ValidateError>) -> &'static str {
    match verdict {
        Ok(_) => "verified",
        Err(ValidateError::Malformed(_)) => "malformed",
        Err(ValidateError::Rejected(_)) => "rejected",
        Err(ValidateError::Unavailable { .. }) => "unavailable",
        Err(ValidateError::Upstream(_)) => "upstream",
    }
}

/// A password's hash that costs next to nothing to check.
pub(crate) fn cheap_hash(password: &str) -> String {
    let params = Params::new(64, 1, 1, None).unwrap();
    let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    argon2.hash_password_with_salt(password.as_bytes(), b"salt salt salt").unwrap().to_string()
}

/// What signs a test's tokens.
pub(crate) enum SigningKey {
    Hs(Box<hmac::Key>),
    Es(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Rs(RsaKeyPair),
}

impl SigningKey {
    pub(crate) fn hs256(secret: &str) -> Self {
        Self::Hs(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())))
    }

    pub(crate) fn es256() -> Self {
        Self::Es(EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(crate) fn ed25519() -> Self {
        Self::Ed(Ed25519KeyPair::generate().unwrap())
    }

    pub(crate) fn rsa() -> Self {
        Self::Rs(RsaKeyPair::generate(rsa::KeySize::Rsa2048).unwrap())
    }

    /// A compact JWS; `header` says whatever it likes.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());
        self.sign_parts(&part(header), &part(claims))
    }

    pub(crate) fn sign_parts(&self, header: &str, claims: &str) -> String {
        let signed = format!("{header}.{claims}");
        let bytes = signed.as_bytes();
        let random = SystemRandom::new();
        let signature = match self {
            Self::Hs(key) => hmac::sign(key, bytes).as_ref().to_vec(),
            Self::Es(key) => key.sign(&random, bytes).unwrap().as_ref().to_vec(),
            Self::Ed(key) => key.sign(bytes).as_ref().to_vec(),
            Self::Rs(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&signature::RSA_PKCS1_SHA256, &random, bytes, &mut signature).unwrap();
                signature
            }
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The public half as a `PUBLIC KEY` block.
    pub(crate) fn pem(&self) -> String {
        let der: PublicKeyX509Der<'static> = match self {
            Self::Hs(_) => panic!("a shared secret has no public half"),
            Self::Es(key) => key.public_key().as_der().unwrap(),
            Self::Ed(key) => key.public_key().as_der().unwrap(),
            Self::Rs(key) => key.public_key().as_der().unwrap(),
        };
        let lines: Vec<String> = STANDARD
            .encode(der.as_ref())
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    /// The public half as a JWK.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Hs(_) => panic!("a shared secret has no public half"),
            Self::Es(key) => {
                let point = key.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig",
                    "x": b64(&point[1..33]), "y": b64(&point[33..])})
            }
            Self::Ed(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": b64(key.public_key().as_ref())})
            }
            Self::Rs(key) => {
                let RsaPublicKeyComponents { n, e } =
                    RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
                json!({"kty": "RSA", "kid": kid, "alg": "RS256", "n": b64(&n), "e": b64(&e)})
            }
        }
    }
}
