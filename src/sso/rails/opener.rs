//! The outer layer of a Rails cookie: what ActiveSupport's `MessageEncryptor` and
//! `MessageVerifier` write. Answers authentic bytes and reads nothing in them.

use std::num::NonZeroU32;

use aws_lc_rs::{hmac, pbkdf2};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::super::ValidateError;
use super::super::unseal::{self, GcmKey, KEY_LEN, Plain, base64_array, hex};
use crate::domain::SecretString;
use crate::domain::secret::constant_time_eq;

/// `ActiveSupport::KeyGenerator`'s iterations for `secret_key_base`.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(1000).unwrap();
/// The length of a signing key, in bytes (`generate_key`'s default).
const SIGNING_KEY_LEN: usize = 64;
/// What stands between the parts.
const SEPARATOR: &str = "--";

/// A digest, as Rails spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Digest {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Digest {
    fn pbkdf2(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha384 => pbkdf2::PBKDF2_HMAC_SHA384,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

/// How the application protects the cookie, with every live key.
pub(super) enum Opener {
    /// `cookies.encrypted`, and the session.
    Encrypted(Vec<GcmKey>),
    /// `cookies.signed`.
    Signed(Vec<hmac::Key>),
}

/// The one answer to a value that no live key has made.
const FORGED: ValidateError = ValidateError::Rejected("no key opens it");

impl Opener {
    /// With the keys of every secret in every derivation.
    pub(super) fn encrypted(secrets: &[SecretString], derivations: &[Digest], salt: &str) -> Self {
        let keys = derive::<KEY_LEN>(secrets, derivations, salt);
        Self::Encrypted(keys.filter_map(|key| GcmKey::new(key.as_ref())).collect())
    }

    /// With the keys of every secret in every derivation, for MACs of one digest.
    pub(super) fn signed(
        secrets: &[SecretString],
        derivations: &[Digest],
        salt: &str,
        digest: Digest,
    ) -> Self {
        let keys = derive::<SIGNING_KEY_LEN>(secrets, derivations, salt);
        Self::Signed(keys.map(|key| hmac::Key::new(digest.hmac(), key.as_ref())).collect())
    }

    /// The authentic content of a (percent-decoded) value.
    ///
    /// # Errors
    /// `Malformed` when it is not of the form, `Rejected` when no key has made it.
    pub(super) fn open(&self, value: &str) -> Result<Plain, ValidateError> {
        match self {
            Self::Encrypted(keys) => open_encrypted(keys, value),
            Self::Signed(keys) => open_signed(keys, value),
        }
    }
}

fn derive<const LEN: usize>(
    secrets: &[SecretString],
    derivations: &[Digest],
    salt: &str,
) -> impl Iterator<Item = Zeroizing<[u8; LEN]>> {
    secrets.iter().flat_map(move |secret| {
        derivations
            .iter()
            .map(move |digest| unseal::pbkdf2(digest.pbkdf2(), ITERATIONS, salt.as_bytes(), secret))
    })
}

/// `base64(ciphertext)--base64(iv)--base64(tag)`, without additional data.
fn open_encrypted(keys: &[GcmKey], value: &str) -> Result<Plain, ValidateError> {
    const FORM: ValidateError = ValidateError::Malformed("it is no encrypted rails cookie");
    let mut parts = value.split(SEPARATOR);
    let (Some(sealed), Some(iv), Some(tag), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(FORM);
    };
    let sealed = STANDARD.decode(sealed).map_err(|_| FORM)?;
    let iv = base64_array(&STANDARD, iv).ok_or(FORM)?;
    let tag = base64_array(&STANDARD, tag).ok_or(FORM)?;
    keys.iter().find_map(|key| key.open(iv, &[], &sealed, &tag)).ok_or(FORGED)
}

/// `base64(content)--hex(MAC of the base64 text)`.
fn open_signed(keys: &[hmac::Key], value: &str) -> Result<Plain, ValidateError> {
    const FORM: ValidateError = ValidateError::Malformed("it is no signed rails cookie");
    let (data, mac) = value.rsplit_once(SEPARATOR).ok_or(FORM)?;
    let fits = |key: &hmac::Key| {
        let want = hex(hmac::sign(key, data.as_bytes()).as_ref());
        constant_time_eq(want.as_bytes(), mac.as_bytes())
    };
    if !keys.iter().any(fits) {
        return Err(FORGED);
    }
    STANDARD.decode(data).map(Zeroizing::new).map_err(|_| FORM)
}
