//! What Better Auth's cookie cache holds: base64url of
//! `{"session":{…},"expiresAt":<ms>,"signature":"<mac>"}`, the MAC HMAC-SHA-256 over
//! `{…,"expiresAt":<ms>}`, the session's members with the end behind them. Only the `better_auth` kind
//! calls it.
//!
//! The text is taken apart at its fixed places and not parsed as JSON until the MAC is right.
//! The library writes it with `JSON.stringify`, so there is one spelling of it.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::super::ValidateError;
use super::super::hmac_keys::HmacKeys;
use crate::domain::Timestamp;
use crate::domain::setting::{Problems, SecretSource};

/// The texts between the parts.
const HEAD: &str = "{\"session\":";
const END: &str = ",\"expiresAt\":";
const SIGNATURE: &str = ",\"signature\":\"";
const TAIL: &str = "\"}";

/// Opens what any of the live secrets signed.
#[derive(Debug)]
pub(super) struct Opener {
    keys: HmacKeys,
}

/// An authentic cached copy of a session.
#[derive(Debug)]
pub(super) struct Opened {
    /// `{"session": {…}, "user": {…}, "updatedAt", "version"}`.
    pub(super) session: Value,
    /// Until when the copy is good.
    pub(super) expires_at: Timestamp,
}

impl Opener {
    /// With the live secrets, each with its key path.
    pub(super) fn load<'s>(
        secrets: impl IntoIterator<Item = (String, &'s SecretSource)>,
        problems: &mut Problems,
    ) -> Self {
        let derive = |secret: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, secret);
        Self { keys: HmacKeys::load(secrets, problems, derive) }
    }

    /// Shape, then MAC, then content.
    ///
    /// # Errors
    /// `Malformed` when it is not of this format, `Rejected` when the MAC is of no live secret.
    pub(super) fn open(&self, cookie: &str) -> Result<Opened, ValidateError> {
        let malformed = ValidateError::Malformed;
        let text = URL_SAFE_NO_PAD.decode(cookie).map_err(|_| malformed("it is not base64url"))?;
        let text = String::from_utf8(text).map_err(|_| malformed("it is not UTF-8"))?;
        let parts = Parts::of(&text).ok_or(malformed("it is no cached session"))?;

        // `{…` with `,"expiresAt":<ms>}` in place of its closing brace.
        let members = parts.session.strip_suffix('}');
        let members = members.ok_or(malformed("it is no cached session"))?;
        let signed = [members, END, parts.expires_at, "}"].concat();
        if !self.keys.verify(signed.as_bytes(), parts.mac, &URL_SAFE_NO_PAD) {
            return Err(ValidateError::Rejected("MAC does not verify"));
        }

        let session = serde_json::from_str(parts.session);
        let session = session.map_err(|_| malformed("session is not JSON"))?;
        let millis: i64 =
            parts.expires_at.parse().map_err(|_| malformed("end of the copy is no time"))?;
        Ok(Opened { session, expires_at: Timestamp::from_secs(millis / 1000) })
    }
}

/// The variable parts of the text.
struct Parts<'a> {
    session: &'a str,
    expires_at: &'a str,
    mac: &'a str,
}

impl<'a> Parts<'a> {
    /// From the end: neither a MAC nor a number can hold what stands before it, a session can.
    fn of(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix(HEAD)?.strip_suffix(TAIL)?;
        let (rest, mac) = rest.rsplit_once(SIGNATURE)?;
        let (session, expires_at) = rest.rsplit_once(END)?;
        let number = !expires_at.is_empty() && expires_at.bytes().all(|b| b.is_ascii_digit());
        (session.starts_with('{') && number).then_some(Self { session, expires_at, mac })
    }
}
