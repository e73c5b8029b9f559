//! Who Cambio is to the other system: a bearer token, a name and password, or an OAuth 2.0
//! client by one of its methods (RFC 6749 section 2.3.1, RFC 7523 section 2.2, RFC 8705
//! section 2). `settings.rs` reads it, requests are made with it.

mod settings;

use std::time::Duration;

use reqwest::header::HeaderValue;
use serde_json::json;

pub(super) use self::settings::AuthSettings;
use super::live::Live;
use crate::domain::{Random, SecretString, SystemRandom, Timestamp};
use crate::token::AssertionKey;

/// RFC 7523 section 2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What requests prove themselves by.
#[derive(Debug)]
pub(super) enum Auth {
    /// Nothing, or the TLS handshake alone.
    None,
    /// `Authorization`.
    Header(Live<HeaderValue>),
    /// Fields of the form.
    Form { client_id: String, proof: Proof },
}

/// What stands beside `client_id` in a form.
#[derive(Debug)]
pub(super) enum Proof {
    /// The certificate of the TLS handshake.
    Certificate,
    Secret(Live<SecretString>),
    Assertion {
        key: Live<AssertionKey>,
        audience: Option<String>,
        ttl: Duration,
    },
}

impl Auth {
    /// The value of `Authorization`.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        match self {
            Self::Header(value) => Some((*value.get()).clone()),
            Self::None | Self::Form { .. } => None,
        }
    }

    /// The fields of a form to `endpoint`. Every call makes another assertion.
    pub(super) fn fields(
        &self,
        endpoint: &str,
        now: Timestamp,
    ) -> Vec<(&'static str, SecretString)> {
        let Self::Form { client_id, proof } = self else { return Vec::new() };
        let mut fields = vec![("client_id", SecretString::new(client_id.clone()))];
        match proof {
            Proof::Certificate => {}
            Proof::Secret(secret) => fields.push(("client_secret", (*secret.get()).clone())),
            Proof::Assertion { key, audience, ttl } => {
                let random: &dyn Random = &SystemRandom;
                let claims = json!({
                    "iss": client_id, "sub": client_id,
                    "aud": audience.as_deref().unwrap_or(endpoint),
                    "jti": random.uuid().to_string(),
                    "iat": now.secs(), "exp": now.plus(*ttl).secs(),
                });
                let assertion = key.get().sign(claims.to_string().as_bytes());
                fields.push(("client_assertion_type", SecretString::new(ASSERTION_TYPE)));
                fields.push(("client_assertion", SecretString::new(assertion)));
            }
        }
        fields
    }
}
