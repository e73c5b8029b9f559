//! Cookies that hold a session's id and a MAC of it: express-session (cookie-signature),
//! Better Auth's `session_token`, Flask-Session with `SESSION_USE_SIGNER`. For the kinds that
//! read a session store, which look the id up. Opening one is no verdict: an id names a row that may
//! be gone, so there is no validator kind that does only this.

use std::borrow::Cow;

use aws_lc_rs::hmac;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::ValidateError;
use super::flask::signer_key;
use super::hmac_keys::HmacKeys;
use super::unseal::percent_decoded;
use crate::domain::setting::{Problems, SecretSource};

/// The longest accepted cookie, in bytes; browsers keep no longer one.
const MAX_LEN: usize = 4096;
/// The salt of Flask-Session's signer.
const FLASK_SESSION_SALT: &[u8] = b"flask-session";

/// Who wrote the cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `s:<id>.<base64 without padding>`, percent-encoded; HMAC-SHA-256 of the id.
    Express,
    /// `<id>.<base64>`, percent-encoded; HMAC-SHA-256 of the id.
    BetterAuth,
    /// `<id>.<base64url without padding>`; itsdangerous' HMAC-SHA-1 of the id.
    FlaskSession,
}

/// Opens cookies of one format that any of the live secrets signed.
#[derive(Debug)]
pub(super) struct Opener {
    format: Format,
    keys: HmacKeys,
}

impl Opener {
    /// With the live secrets, each with its key path.
    pub(super) fn load<'s>(
        format: Format,
        secrets: impl IntoIterator<Item = (String, &'s SecretSource)>,
        problems: &mut Problems,
    ) -> Self {
        let derive = |secret: &[u8]| match format {
            Format::Express | Format::BetterAuth => hmac::Key::new(hmac::HMAC_SHA256, secret),
            Format::FlaskSession => signer_key(secret, FLASK_SESSION_SALT),
        };
        Self { format, keys: HmacKeys::load(secrets, problems, derive) }
    }

    /// The session's id: 1 to 4096 printable ASCII characters that the application chose.
    ///
    /// # Errors
    /// `Malformed` when it is not of this format, `Rejected` when the MAC is of no live secret.
    pub(super) fn open(&self, cookie: &str) -> Result<String, ValidateError> {
        let malformed = ValidateError::Malformed;
        if cookie.len() > MAX_LEN {
            return Err(malformed("it is too long"));
        }
        let text = match self.format {
            Format::FlaskSession => Cow::Borrowed(cookie),
            _ => percent_decoded(cookie)?,
        };
        let text = match self.format {
            Format::Express => text.strip_prefix("s:").ok_or(malformed("it is not signed"))?,
            _ => &text,
        };
        let (id, mac) = text.rsplit_once('.').ok_or(malformed("it has no MAC"))?;
        if id.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(malformed("it is not printable"));
        }
        let engine = match self.format {
            Format::Express => STANDARD_NO_PAD,
            Format::BetterAuth => STANDARD,
            Format::FlaskSession => URL_SAFE_NO_PAD,
        };
        if self.keys.verify(id.as_bytes(), mac, &engine) {
            Ok(id.to_owned())
        } else {
            Err(ValidateError::Rejected("MAC does not verify"))
        }
    }
}

#[cfg(test)]
mod tests;
