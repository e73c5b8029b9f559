//! What `django.core.signing.dumps` writes: `[.]payload:time:mac`, the time in base 62, the MAC
//! HMAC-SHA-256 with a key of SHA-256(salt, "signer", `SECRET_KEY`). The `django` kind opens
//! cookies with it; a row of `django_session` is the same with another salt. It does not
//! decide whether a session is too old.

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::hmac;
use serde_json::Value;

use super::super::ValidateError;
use super::super::hmac_keys::HmacKeys;
use super::super::timed_text;
use crate::domain::Timestamp;
use crate::domain::setting::{Problems, SecretSource};

/// Opens what was signed with one salt and any of the live secrets.
#[derive(Debug)]
pub(in super::super) struct Opener {
    keys: HmacKeys,
}

/// An authentic session.
#[derive(Debug)]
pub(in super::super) struct Opened {
    /// A JSON object.
    pub(in super::super) session: Value,
    pub(in super::super) signed_at: Timestamp,
}

impl Opener {
    /// With `SECRET_KEY` and `SECRET_KEY_FALLBACKS`, each with its key path.
    pub(in super::super) fn load<'s>(
        salt: &str,
        secrets: impl IntoIterator<Item = (String, &'s SecretSource)>,
        problems: &mut Problems,
    ) -> Self {
        Self { keys: HmacKeys::load(secrets, problems, |secret| key(salt, secret)) }
    }

    /// Shape, then MAC, then content.
    ///
    /// # Errors
    /// `Malformed` when it is not of this format, `Rejected` when the MAC is of no live secret.
    pub(in super::super) fn open(&self, text: &str) -> Result<Opened, ValidateError> {
        let verified = timed_text::verify(text, ':', &self.keys)?;
        let signed_at = timed_text::time(base62(verified.time))?;
        Ok(Opened { session: verified.session()?, signed_at })
    }
}

/// The key of a `Signer` with this salt.
fn key(salt: &str, secret: &[u8]) -> hmac::Key {
    salted_key(&format!("{salt}signer"), secret)
}

/// The key of `django.utils.crypto.salted_hmac` with SHA-256.
pub(in super::super) fn salted_key(salt: &str, secret: &[u8]) -> hmac::Key {
    let mut context = Context::new(&SHA256);
    context.update(salt.as_bytes());
    context.update(secret);
    hmac::Key::new(hmac::HMAC_SHA256, context.finish().as_ref())
}

/// `django.core.signing.b62_decode`, of what is not negative.
fn base62(text: &str) -> Option<u64> {
    text.bytes().try_fold(0_u64, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'A'..=b'Z' => digit - b'A' + 10,
            b'a'..=b'z' => digit - b'a' + 36,
            _ => return None,
        };
        number.checked_mul(62)?.checked_add(u64::from(digit))
    })
}
