//! What itsdangerous' `URLSafeTimedSerializer` writes for Flask: `[.]payload.time.mac`, the
//! time as big-endian bytes in base64url, the MAC HMAC-SHA-1 with a key of
//! HMAC-SHA-1(`SECRET_KEY`, salt). Only the `flask` kind calls it; it does not decide whether
//! a session is too old. (HMAC with SHA-1 is not broken by collisions of SHA-1: RFC 6194.)

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::super::ValidateError;
use super::super::hmac_keys::HmacKeys;
use super::super::timed_text;
use super::tagged;
use crate::domain::Timestamp;
use crate::domain::setting::{Problems, SecretSource};

/// Opens what was signed with one salt and any of the live secrets.
#[derive(Debug)]
pub(super) struct Opener {
    keys: HmacKeys,
}

/// An authentic session.
#[derive(Debug)]
pub(super) struct Opened {
    /// A JSON object, without tags.
    pub(super) session: Value,
    pub(super) signed_at: Timestamp,
}

impl Opener {
    /// With `SECRET_KEY` and `SECRET_KEY_FALLBACKS`, each with its key path.
    pub(super) fn load<'s>(
        salt: &str,
        secrets: impl IntoIterator<Item = (String, &'s SecretSource)>,
        problems: &mut Problems,
    ) -> Self {
        Self { keys: HmacKeys::load(secrets, problems, |secret| key(secret, salt.as_bytes())) }
    }

    /// Shape, then MAC, then content.
    ///
    /// # Errors
    /// `Malformed` when it is not of this format, `Rejected` when the MAC is of no live secret.
    pub(super) fn open(&self, text: &str) -> Result<Opened, ValidateError> {
        let verified = timed_text::verify(text, '.', &self.keys)?;
        let signed_at = timed_text::time(big_endian(verified.time))?;
        let session = tagged::untag(verified.session()?);
        let session = session.filter(Value::is_object);
        let session = session.ok_or(ValidateError::Malformed("payload has a wrong tag"))?;
        Ok(Opened { session, signed_at })
    }
}

/// `Signer.derive_key` with `key_derivation = "hmac"`; itsdangerous' other signers of Flask's
/// extensions derive theirs in the same way.
pub(in super::super) fn key(secret: &[u8], salt: &[u8]) -> hmac::Key {
    let algorithm = hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY;
    let derived = hmac::sign(&hmac::Key::new(algorithm, secret), salt);
    hmac::Key::new(algorithm, derived.as_ref())
}

fn big_endian(text: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() <= 8)?;
    Some(bytes.into_iter().fold(0, |number, byte| number << 8 | u64::from(byte)))
}
