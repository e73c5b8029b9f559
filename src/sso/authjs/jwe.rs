//! A JWE in compact serialization with direct encryption (RFC 7516 sections 3.1 and 5.2).
//! Its header is read only after the tag has shown it to be authentic.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::super::ValidateError;
use super::super::unseal::Plain;
use super::key::{ContentKey, Sealed};

/// A token's parts; nobody has vouched for them yet.
pub(super) struct UnverifiedJwe<'t> {
    header: &'t str,
    iv: Vec<u8>,
    sealed: Vec<u8>,
    tag: Vec<u8>,
}

/// The header's members. Others (`zip`, `crit`) would change what the token means: refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    enc: String,
    /// Says which secret; every live one is tried instead.
    #[serde(rename = "kid")]
    _kid: Option<String>,
}

const FORM: ValidateError = ValidateError::Malformed("it is no directly encrypted jwe");
/// The one answer to a token that no live key has made.
const FORGED: ValidateError = ValidateError::Rejected("no key opens it");

impl<'t> UnverifiedJwe<'t> {
    /// Takes a token apart: `header..iv.ciphertext.tag`, the encrypted key being empty.
    ///
    /// # Errors
    /// `Malformed` when it is not of the form.
    pub(super) fn parse(text: &'t str) -> Result<Self, ValidateError> {
        let mut parts = text.split('.');
        let mut next = || parts.next().ok_or(FORM);
        let (header, encrypted_key, iv, sealed, tag) =
            (next()?, next()?, next()?, next()?, next()?);
        if parts.next().is_some() || header.is_empty() || !encrypted_key.is_empty() {
            return Err(FORM);
        }
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| FORM);
        Ok(Self { header, iv: decode(iv)?, sealed: decode(sealed)?, tag: decode(tag)? })
    }

    /// The authentic content.
    ///
    /// # Errors
    /// `Malformed` when the parts have another algorithm's lengths, `Rejected` when no key
    /// has made the token or its header asks for anything else than the key's algorithm.
    pub(super) fn open(&self, keys: &[ContentKey]) -> Result<Plain, ValidateError> {
        let parts = Sealed {
            aad: self.header.as_bytes(),
            iv: &self.iv,
            sealed: &self.sealed,
            tag: &self.tag,
        };
        if !keys.iter().any(|key| key.fits(&parts)) {
            return Err(FORM);
        }
        let opened = keys.iter().find_map(|key| Some((key, key.open(&parts)?)));
        let (key, plain) = opened.ok_or(FORGED)?;
        let header = URL_SAFE_NO_PAD.decode(self.header).ok();
        let header = header.and_then(|json| serde_json::from_slice::<Header>(&json).ok());
        if header.is_some_and(|h| h.alg == "dir" && h.enc == key.enc()) {
            Ok(plain)
        } else {
            Err(ValidateError::Rejected("its header asks for something else"))
        }
    }
}
