//! What Django's and Flask's session cookies have in common: `[.]payload SEP time SEP mac`, the
//! payload JSON in base64url, deflated (zlib, RFC 1950) when a dot stands in front. The two
//! kinds call [`verify`] first and read the parts after it: nothing that is not
//! authenticated is decoded, inflated or parsed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use serde_json::Value;

use super::ValidateError;
use super::hmac_keys::HmacKeys;
use crate::domain::Timestamp;

/// The longest accepted cookie, in bytes; browsers keep no longer one.
pub(super) const MAX_LEN: usize = 4096;
/// The most that a payload may inflate to, in bytes.
const MAX_INFLATED: usize = 64 * 1024;
/// The latest time that is taken for one: the end of the year 9999.
const MAX_TIME: u64 = 253_402_300_799;

/// The parts of a text whose MAC is right.
#[derive(Debug)]
pub(super) struct Verified<'a> {
    payload: &'a str,
    compressed: bool,
    /// When it was signed, in the format's own encoding.
    pub(super) time: &'a str,
}

/// Takes the text apart and checks its MAC.
///
/// # Errors
/// `Malformed` when it is not of this shape, `Rejected` when the MAC is of no key.
pub(super) fn verify<'a>(
    text: &'a str,
    separator: char,
    keys: &HmacKeys,
) -> Result<Verified<'a>, ValidateError> {
    let (signed, mac) = text.rsplit_once(separator).ok_or(malformed("it has no MAC"))?;
    let (payload, time) = signed.rsplit_once(separator).ok_or(malformed("it has no timestamp"))?;
    let (payload, compressed) = match payload.strip_prefix('.') {
        Some(deflated) => (deflated, true),
        None => (payload, false),
    };
    if ![payload, time, mac].into_iter().all(is_base64url) {
        return Err(malformed("it is not base64url"));
    }
    if !keys.verify(signed.as_bytes(), mac, &URL_SAFE_NO_PAD) {
        return Err(ValidateError::Rejected("MAC does not verify"));
    }
    Ok(Verified { payload, compressed, time })
}

impl Verified<'_> {
    /// The session.
    ///
    /// # Errors
    /// `Malformed` when the payload is no JSON object or inflates to too much.
    pub(super) fn session(&self) -> Result<Value, ValidateError> {
        let wrong = malformed("payload is not base64url");
        let mut json = URL_SAFE_NO_PAD.decode(self.payload).map_err(|_| wrong)?;
        if self.compressed {
            json = decompress_to_vec_zlib_with_limit(&json, MAX_INFLATED)
                .map_err(|_| malformed("payload does not inflate"))?;
        }
        let session: Value =
            serde_json::from_slice(&json).map_err(|_| malformed("payload is not JSON"))?;
        if session.is_object() { Ok(session) } else { Err(malformed("payload is no JSON object")) }
    }
}

/// A number of seconds since the epoch as a time.
///
/// # Errors
/// `Malformed` when there is none, or it is beyond four-digit years.
pub(super) fn time(secs: Option<u64>) -> Result<Timestamp, ValidateError> {
    let secs = secs.filter(|&secs| secs <= MAX_TIME).and_then(|secs| i64::try_from(secs).ok());
    secs.map(Timestamp::from_secs).ok_or(malformed("timestamp is no time"))
}

fn malformed(rule: &'static str) -> ValidateError {
    ValidateError::Malformed(rule)
}

fn is_base64url(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    !text.is_empty() && text.bytes().all(allowed)
}
