//! The `auth` table: reads it, refuses what cannot work, and loads the secrets.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::super::header::{percent_encoded, sensitive};
use super::super::live::Live;
use super::{Auth, Proof};
use crate::domain::setting::{HumanDuration, Problems, SecretSource, join};
use crate::domain::{KeyId, SecretString};
use crate::support::Watcher;
use crate::token::{Algorithm, AssertionKey};

/// The longest that an assertion may be good: it is used at once.
const MAX_TTL: Duration = Duration::from_secs(300);

/// The `auth` table: exactly one of them. (Not an enum, whose errors would quote a secret
/// that stands in the wrong place.)
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in super::super) struct AuthSettings {
    /// A token (RFC 6750).
    bearer: Option<SecretSource>,
    /// A user name and password (RFC 7617).
    basic: Option<Basic>,
    client_secret_basic: Option<ClientSecret>,
    client_secret_post: Option<ClientSecret>,
    private_key_jwt: Option<PrivateKeyJwt>,
    tls_client_auth: Option<TlsClientAuth>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Basic {
    username: String,
    password: SecretSource,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientSecret {
    client_id: String,
    client_secret: SecretSource,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct PrivateKeyJwt {
    client_id: String,
    /// PEM.
    key: SecretSource,
    algorithm: Algorithm,
    /// Header `kid`; the key's thumbprint when absent.
    key_id: Option<KeyId>,
    /// Claim `aud`; the endpoint's URL when absent.
    audience: Option<String>,
    /// How long an assertion is good.
    ttl: Option<HumanDuration>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsClientAuth {
    client_id: String,
}

impl AuthSettings {
    /// Whether it goes into the header `Authorization`.
    pub(in super::super) fn is_header(&self) -> bool {
        self.bearer.is_some() || self.basic.is_some() || self.client_secret_basic.is_some()
    }

    /// Loads the secrets, noting every problem. `has_form`: the requests are forms;
    /// `has_certificate`: the connection has a client certificate.
    pub(in super::super) fn build(
        &self,
        has_form: bool,
        has_certificate: bool,
        path: &str,
        watcher: &Watcher,
        problems: &mut Problems,
    ) -> Option<Auth> {
        let named = [
            ("bearer", self.bearer.is_some(), true),
            ("basic", self.basic.is_some(), true),
            ("client_secret_basic", self.client_secret_basic.is_some(), true),
            ("client_secret_post", self.client_secret_post.is_some(), has_form),
            ("private_key_jwt", self.private_key_jwt.is_some(), has_form),
            ("tls_client_auth", self.tls_client_auth.is_some(), has_form),
        ];
        let mut given = named.into_iter().filter(|(_, given, _)| *given);
        let Some((method, _, fits)) = given.next().filter(|_| given.next().is_none()) else {
            let rule = "must be exactly one of bearer, basic, client_secret_basic, \
                        client_secret_post, private_key_jwt and tls_client_auth";
            problems.push(path, rule);
            return None;
        };
        let path = join(path, method);
        if !fits {
            problems.push(&path, "goes into a form, and this kind sends none");
            return None;
        }
        if method == "tls_client_auth" && !has_certificate {
            problems.push(&path, "needs a client_certificate");
        }
        match self.open(watcher) {
            Ok(auth) => auth,
            Err((key, rule)) => {
                problems.push(if key.is_empty() { path } else { join(&path, key) }, rule);
                None
            }
        }
    }

    fn open(&self, watcher: &Watcher) -> Result<Option<Auth>, (&'static str, String)> {
        let at = |key: &'static str| move |rule: String| (key, rule);
        if let Some(token) = &self.bearer {
            let header =
                Live::open(token, watcher, |token| bearer(token.expose())).map_err(at(""))?;
            return Ok(Some(Auth::Header(header)));
        }
        if let Some(Basic { username, password }) = &self.basic {
            if username.contains(':') || username.chars().any(char::is_control) {
                return Err(("username", "must not hold a colon or control character".to_owned()));
            }
            let name = username.clone();
            let header =
                Live::open(password, watcher, move |password| basic(&name, password.expose()));
            return Ok(Some(Auth::Header(header.map_err(at("password"))?)));
        }
        if let Some(ClientSecret { client_id, client_secret }) = &self.client_secret_basic {
            let id = percent_encoded(client_id);
            let read = move |secret: &SecretString| basic(&id, &percent_encoded(secret.expose()));
            let header = Live::open(client_secret, watcher, read).map_err(at("client_secret"))?;
            return Ok(Some(Auth::Header(header)));
        }
        if let Some(ClientSecret { client_id, client_secret }) = &self.client_secret_post {
            let secret = Live::open(client_secret, watcher, |secret| Ok(secret.clone()));
            let proof = Proof::Secret(secret.map_err(at("client_secret"))?);
            return Ok(Some(Auth::Form { client_id: client_id.clone(), proof }));
        }
        if let Some(settings) = &self.private_key_jwt {
            return settings.open(watcher).map(Some);
        }
        Ok(self.tls_client_auth.as_ref().map(|TlsClientAuth { client_id }| Auth::Form {
            client_id: client_id.clone(),
            proof: Proof::Certificate,
        }))
    }
}

impl PrivateKeyJwt {
    fn open(&self, watcher: &Watcher) -> Result<Auth, (&'static str, String)> {
        let ttl = self.ttl.map_or(Duration::from_secs(60), |ttl| ttl.0);
        if ttl < Duration::from_secs(1) || ttl > MAX_TTL || ttl.subsec_nanos() != 0 {
            return Err(("ttl", "must be whole seconds, from 1s to 5min".to_owned()));
        }
        if self.algorithm.is_symmetric() {
            return Err(("algorithm", "must be one of private keys".to_owned()));
        }
        let (alg, kid) = (self.algorithm, self.key_id.clone());
        let read = move |pem: &SecretString| {
            AssertionKey::from_pem(pem, alg, kid.clone()).map_err(|e| e.to_string())
        };
        let key = Live::open(&self.key, watcher, read).map_err(|rule| ("key", rule))?;
        let proof = Proof::Assertion { key, audience: self.audience.clone(), ttl };
        Ok(Auth::Form { client_id: self.client_id.clone(), proof })
    }
}

/// `b64token` (RFC 6750 section 2.1).
fn bearer(token: &str) -> Result<HeaderValue, String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    if !token.bytes().all(fits) {
        return Err("is no bearer token".to_owned());
    }
    let text = Zeroizing::new(format!("Bearer {token}"));
    sensitive(&text).ok_or_else(|| "is no bearer token".to_owned())
}

/// RFC 7617 section 2, in UTF-8.
fn basic(username: &str, password: &str) -> Result<HeaderValue, String> {
    let pair = Zeroizing::new(format!("{username}:{password}"));
    let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    sensitive(&text).ok_or_else(|| "cannot be sent".to_owned())
}
