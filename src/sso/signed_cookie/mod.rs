//! `signed_cookie`: Cambio's own format for an SSO cookie, for systems that can compute
//! one HMAC and have nothing to sign with yet. Needs no I/O.
//!
//! `v1.<payload>.<mac>`: the payload is a JSON object ([`Payload`]), the MAC is
//! HMAC-SHA-256 over everything before the last dot (the version included, so that no
//! other format's MAC fits), both in base64url without padding. The key is the secret's
//! UTF-8 bytes, at least 32.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::opens::Opens;
use super::{SsoValidator, ValidateError, secrets};
use crate::domain::setting::{Problems, SecretSource, join};
use crate::domain::{AssertedAccount, Attributes, SecretString, Subject, Timestamp, Verified};

/// What every value of this version begins with.
const PREFIX: &str = "v1.";
/// The longest accepted value, in bytes; browsers keep no longer cookie.
const MAX_LEN: usize = 4096;
/// The shortest accepted secret, in bytes (RFC 2104 section 3: the hash's length).
const MIN_SECRET_LEN: usize = 32;
/// Encoded and decoded length of the MAC, in bytes.
const MAC_LEN: (usize, usize) = (43, 32);

/// What a signed cookie says. Unknown members are refused; `attrs` is the place for more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// The subject.
    pub sub: Subject,
    /// A stable user id, where it differs from the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Accounts of the subject.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AssertedAccount>,
    /// When the cookie and the session behind it end: whole seconds since the epoch.
    pub exp: Timestamp,
    /// The id of the session behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// Further attributes.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attrs: Attributes,
}

/// Makes a cookie value, as an SSO system that shares `secret` would.
#[must_use]
#[expect(clippy::expect_used, reason = "a payload has only text keys and cannot fail to serialise")]
pub fn issue(secret: &SecretString, payload: &Payload) -> String {
    let json = serde_json::to_vec(payload).expect("a payload serialises");
    let mut value = PREFIX.to_owned();
    URL_SAFE_NO_PAD.encode_string(json, &mut value);
    let mac = hmac::sign(&key(secret), value.as_bytes());
    value.push('.');
    URL_SAFE_NO_PAD.encode_string(mac, &mut value);
    value
}

/// The `signed_cookie` table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The shared secrets: the first is the one to sign with, all of them verify.
    secrets: Vec<SecretSource>,
}

impl Settings {
    pub(super) fn build(
        self,
        path: &str,
        problems: &mut Problems,
    ) -> Option<Arc<dyn SsoValidator>> {
        let path = join(path, "secrets");
        let before = problems.len();
        let mut keys = Vec::with_capacity(self.secrets.len());
        for (at, source) in secrets::listed(&self.secrets, &path, problems) {
            let Some(secret) = problems.ok(&at, source.load()) else { continue };
            if secret.expose().len() < MIN_SECRET_LEN {
                problems.push(at, format!("must be at least {MIN_SECRET_LEN} bytes long"));
            }
            keys.push(key(&secret));
        }
        (problems.len() == before).then(|| Arc::new(SignedCookie { keys }) as _)
    }
}

fn key(secret: &SecretString) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes())
}

struct SignedCookie {
    keys: Vec<hmac::Key>,
}

impl fmt::Debug for SignedCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedCookie").field("keys", &self.keys.len()).finish()
    }
}

impl Opens for SignedCookie {
    const KIND: &'static str = "signed_cookie";
    const MAX_LEN: usize = MAX_LEN;

    fn has_made(&self, value: &str) -> bool {
        self.authentic(value).is_ok()
    }

    /// Shape, then MAC, then content: nothing unauthenticated is parsed as JSON.
    fn decide(&self, value: &str, now: Timestamp) -> Result<Verified, ValidateError> {
        let payload = self.authentic(value)?;
        let payload =
            URL_SAFE_NO_PAD.decode(payload).map_err(|_| malformed("payload is not base64url"))?;
        let payload: Payload =
            serde_json::from_slice(&payload).map_err(|_| malformed("payload has a wrong shape"))?;
        if payload.exp <= now {
            return Err(ValidateError::Rejected("it has expired"));
        }
        Ok(Verified {
            subject: payload.sub,
            user_id: payload.uid,
            roles: payload.roles,
            accounts: payload.accounts,
            attributes: payload.attrs,
            session_id: payload.sid,
            expires_at: Some(payload.exp),
            claim: None,
        })
    }
}

impl SignedCookie {
    /// Shape, then MAC: the encoded payload.
    fn authentic<'v>(&self, value: &'v str) -> Result<&'v str, ValidateError> {
        let encoded = value.strip_prefix(PREFIX).ok_or(malformed("unknown version"))?;
        let (payload, mac) = encoded.split_once('.').ok_or(malformed("it has no MAC"))?;
        let signed = &value.as_bytes()[..value.len() - mac.len() - 1];
        let verifies =
            |mac: [u8; MAC_LEN.1]| self.keys.iter().any(|k| hmac::verify(k, signed, &mac).is_ok());
        if !decode_mac(mac).is_some_and(verifies) {
            // A MAC that is cut short or altered is a wrong one, whatever it decodes to.
            return Err(if is_base64url(payload) && is_base64url(mac) {
                ValidateError::Rejected("MAC does not verify")
            } else {
                malformed("it is not base64url")
            });
        }
        Ok(payload)
    }
}

fn malformed(rule: &'static str) -> ValidateError {
    ValidateError::Malformed(rule)
}

fn is_base64url(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    !text.is_empty() && text.bytes().all(allowed)
}

fn decode_mac(text: &str) -> Option<[u8; MAC_LEN.1]> {
    let mut mac = [0; MAC_LEN.1];
    let right_length = text.len() == MAC_LEN.0;
    (right_length && URL_SAFE_NO_PAD.decode_slice(text, &mut mac) == Ok(MAC_LEN.1)).then_some(mac)
}

#[cfg(test)]
mod tests;
