//! What opening a framework's cookie takes: the ciphers, key derivations and strict
//! decodings that `rails`, `authjs`, `iron_session` and `laravel` share. Every function says
//! only whether it worked, so that no caller can tell a client which step failed.

use std::borrow::Cow;
use std::num::NonZeroU32;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::engine::GeneralPurpose;
use zeroize::Zeroizing;

use super::ValidateError;
use crate::domain::SecretString;

/// The length of an AES-256 key, in bytes.
pub(super) const KEY_LEN: usize = 32;
/// The length of a GCM tag, in bytes; shorter ones are not taken.
pub(super) const TAG_LEN: usize = 16;
/// The length of a CBC initialisation vector and of a block, in bytes.
pub(super) const BLOCK_LEN: usize = 16;

/// Opened content; wiped when it is dropped.
pub(super) type Plain = Zeroizing<Vec<u8>>;

/// An AES-256-GCM key.
pub(super) struct GcmKey(LessSafeKey);

impl GcmKey {
    /// `None` unless it has [`KEY_LEN`] bytes.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        UnboundKey::new(&AES_256_GCM, key).ok().map(|key| Self(LessSafeKey::new(key)))
    }

    /// Authenticates and decrypts.
    pub(super) fn open(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        sealed: &[u8],
        tag: &[u8; TAG_LEN],
    ) -> Option<Plain> {
        let mut plain = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0.open_in_place_separate_tag(nonce, Aad::from(aad), tag, &mut plain).ok()?;
        Some(plain)
    }
}

/// An AES-256-CBC key. CBC alone proves nothing: the caller has verified a MAC over the
/// initialisation vector and the ciphertext before.
pub(super) struct CbcKey(PaddedBlockDecryptingKey);

impl CbcKey {
    /// `None` unless it has [`KEY_LEN`] bytes.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        let key = UnboundCipherKey::new(&AES_256, key).ok()?;
        PaddedBlockDecryptingKey::cbc_pkcs7(key).ok().map(Self)
    }

    /// Decrypts and takes the PKCS #7 padding off.
    pub(super) fn decrypt_authentic(&self, iv: [u8; BLOCK_LEN], sealed: &[u8]) -> Option<Plain> {
        if sealed.is_empty() || !sealed.len().is_multiple_of(BLOCK_LEN) {
            return None;
        }
        let mut plain = Zeroizing::new(sealed.to_vec());
        let len = self.0.decrypt(&mut plain, DecryptionContext::Iv128(iv.into())).ok()?.len();
        plain.truncate(len);
        Some(plain)
    }
}

/// PBKDF2 (RFC 8018 section 5.2) to `LEN` bytes.
pub(super) fn pbkdf2<const LEN: usize>(
    algorithm: pbkdf2::Algorithm,
    iterations: NonZeroU32,
    salt: &[u8],
    secret: &SecretString,
) -> Zeroizing<[u8; LEN]> {
    let mut key = Zeroizing::new([0; LEN]);
    pbkdf2::derive(algorithm, iterations, salt, secret.expose().as_bytes(), key.as_mut());
    key
}

/// Undoes the percent-encoding that servers put on cookie values. Only capital digits, as
/// they all write them, so that a value has one spelling; nothing else is changed (`+` stays).
///
/// # Errors
/// `Malformed` when an escape is broken or the result is not ASCII: all the formats are.
pub(super) fn percent_decoded(text: &str) -> Result<Cow<'_, str>, ValidateError> {
    const BROKEN: ValidateError = ValidateError::Malformed("its percent-encoding is broken");
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = if byte == b'%' {
            let mut digit = || match rest.next() {
                Some(d @ b'0'..=b'9') => Ok(d - b'0'),
                Some(d @ b'A'..=b'F') => Ok(d - b'A' + 10),
                _ => Err(BROKEN),
            };
            digit()? << 4 | digit()?
        } else {
            byte
        };
        if !byte.is_ascii() {
            return Err(BROKEN);
        }
        decoded.push(char::from(byte));
    }
    Ok(Cow::Owned(decoded))
}

/// Base64 in its one canonical spelling, to exactly `LEN` bytes.
pub(super) fn base64_array<const LEN: usize>(
    engine: &GeneralPurpose,
    text: &str,
) -> Option<[u8; LEN]> {
    engine.decode(text).ok()?.try_into().ok()
}

/// Lower-case hexadecimal, as the frameworks write MACs.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    #[test]
    fn a_percent_encoded_value_has_one_spelling() {
        assert_eq!(percent_decoded("a%2Bb%3D%3D+").unwrap(), "a+b==+");
        assert_eq!(percent_decoded("plain").unwrap(), "plain");
        for broken in ["%", "%2", "%2b", "%G0", "%é", "%C3%A9", "%FF"] {
            assert!(percent_decoded(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn hexadecimal_is_lower_case() {
        assert_eq!(hex(&[0, 0xab, 255]), "00abff");
    }

    #[test]
    fn loose_base64_is_refused() {
        assert_eq!(base64_array::<1>(&STANDARD, "AA=="), Some([0]));
        for loose in ["AB==", "AA", "AA=", "AAA=", " AA==", ""] {
            assert_eq!(base64_array::<1>(&STANDARD, loose), None, "{loose}");
        }
    }

    #[test]
    fn cbc_takes_whole_blocks_only() {
        let key = CbcKey::new(&[7; KEY_LEN]).unwrap();
        for len in [0, 1, 15, 17] {
            assert!(key.decrypt_authentic([0; BLOCK_LEN], &vec![0; len]).is_none(), "{len}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(text in "[ -~]{0,40}") {
            let encoded: String = text.bytes().map(|b| format!("%{b:02X}")).collect();
            prop_assert_eq!(percent_decoded(&encoded).unwrap(), text);
        }

        #[test]
        fn no_text_panics(text in "[%0-9A-Fa-z\\PC]{0,40}") {
            let _ = percent_decoded(&text);
        }
    }
}
