//! Key rings at rest: sealed with AES-256-GCM under the key-encryption key that the
//! operator configures, plain when there is none. The ring's name is authenticated, so a
//! document cannot be moved to another tenant. It knows nothing of what it seals.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::domain::{Random, SecretBytes, SecretString};

/// A document starts with four bytes that name this format and its version, and one
/// that says how its rest is protected.
const FORMAT: &[u8; 4] = b"CKR1";
const PLAIN: u8 = b'p';
const SEALED: u8 = b's';

/// Seals and opens documents.
#[derive(Debug)]
pub struct Sealing {
    key: Option<LessSafeKey>,
}

/// Why a document cannot be opened, or a key-encryption key not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealingError {
    /// The key-encryption key has the wrong length.
    #[error("key-encryption key must be 32 bytes (64 hexadecimal digits or base64)")]
    BadKey,
    /// A sealed document and no key to open it.
    #[error("key ring is sealed and no keys.encryption_key is configured")]
    KeyMissing,
    /// Sealed under another key or for another ring, or damaged.
    #[error("key ring cannot be opened: wrong key-encryption key or damaged document")]
    WrongKey,
    /// A plain document although a key is configured: refused, because anybody who can write
    /// to the store could have put it there.
    #[error("key ring is not sealed although a key-encryption key is configured")]
    Unsealed,
    /// Not a document of a version that this build reads.
    #[error("key ring document has an unknown format")]
    UnknownFormat,
}

impl Sealing {
    /// With a key-encryption key of 32 bytes, or without one.
    ///
    /// # Errors
    /// [`SealingError::BadKey`].
    pub fn new(kek: Option<SecretBytes>) -> Result<Self, SealingError> {
        let key = match kek {
            None => None,
            Some(kek) => Some(LessSafeKey::new(
                UnboundKey::new(&AES_256_GCM, kek.expose()).map_err(|_| SealingError::BadKey)?,
            )),
        };
        Ok(Self { key })
    }

    /// With a key-encryption key as the configuration writes it: 64 hexadecimal digits, or
    /// 32 bytes in base64 or base64url.
    ///
    /// # Errors
    /// [`SealingError::BadKey`].
    pub fn from_text(kek: Option<&SecretString>) -> Result<Self, SealingError> {
        Self::new(kek.map(|text| key_bytes(text.expose()).ok_or(SealingError::BadKey)).transpose()?)
    }

    /// Seals a document under the ring's name.
    ///
    /// Nonces are random: far below 2^32 documents are ever sealed under one key (a ring is
    /// written when it is made and when its keys change; NIST SP 800-38D section 8.3).
    pub(super) fn seal(&self, name: &str, plain: &[u8], random: &dyn Random) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(5 + NONCE_LEN + plain.len() + 16);
        bytes.extend_from_slice(FORMAT);
        let Some(key) = &self.key else {
            bytes.push(PLAIN);
            bytes.extend_from_slice(plain);
            return bytes;
        };
        bytes.push(SEALED);
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        bytes.extend_from_slice(&nonce);
        let body = bytes.len();
        bytes.extend_from_slice(plain);
        #[expect(clippy::expect_used, reason = "AES-GCM seals anything below 64 GiB")]
        let tag = key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(name.as_bytes()),
                &mut bytes[body..],
            )
            .expect("a key ring is below 64 GiB");
        bytes.extend_from_slice(tag.as_ref());
        bytes
    }

    /// Opens a document of this name.
    pub(super) fn open(
        &self,
        name: &str,
        bytes: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealingError> {
        let body = bytes.strip_prefix(FORMAT).ok_or(SealingError::UnknownFormat)?;
        match (body.split_first(), &self.key) {
            (Some((&PLAIN, plain)), None) => Ok(Zeroizing::new(plain.to_vec())),
            (Some((&PLAIN, _)), Some(_)) => Err(SealingError::Unsealed),
            (Some((&SEALED, _)), None) => Err(SealingError::KeyMissing),
            (Some((&SEALED, sealed)), Some(key)) => open(key, name, sealed),
            _ => Err(SealingError::UnknownFormat),
        }
    }
}

fn open(key: &LessSafeKey, name: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealingError> {
    let (nonce, body) =
        sealed.split_first_chunk::<NONCE_LEN>().ok_or(SealingError::UnknownFormat)?;
    let mut plain = Zeroizing::new(body.to_vec());
    let len = key
        .open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(name.as_bytes()),
            plain.as_mut_slice(),
        )
        .map_err(|_| SealingError::WrongKey)?
        .len();
    plain.truncate(len);
    Ok(plain)
}

fn key_bytes(text: &str) -> Option<SecretBytes> {
    let hex = |text: &str| -> Option<Vec<u8>> {
        let digits = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        digits
            .then(|| (0..64).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()))?
            .collect()
    };
    hex(text)
        .or_else(|| STANDARD.decode(text).ok())
        .or_else(|| URL_SAFE_NO_PAD.decode(text).ok())
        .map(SecretBytes::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SystemRandom;

    fn sealing(byte: u8) -> Sealing {
        Sealing::new(Some(SecretBytes::new(vec![byte; 32]))).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_only_under_its_name_and_key() {
        let sealed = sealing(1).seal("a/site", b"keys", &SystemRandom);
        assert!(!sealed.windows(4).any(|w| w == b"keys"));
        assert_eq!(sealing(1).open("a/site", &sealed).unwrap().as_slice(), b"keys");
        assert_eq!(sealing(1).open("b/site", &sealed), Err(SealingError::WrongKey));
        assert_eq!(sealing(2).open("a/site", &sealed), Err(SealingError::WrongKey));
        let none = Sealing::new(None).unwrap();
        assert_eq!(none.open("a/site", &sealed), Err(SealingError::KeyMissing));
    }

    #[test]
    fn every_changed_bit_of_a_sealed_document_is_noticed() {
        let sealed = sealing(1).seal("a", b"keys", &SystemRandom);
        for bit in 0..sealed.len() * 8 {
            let mut bad = sealed.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(sealing(1).open("a", &bad).is_err(), "bit {bit}");
        }
        for len in 0..sealed.len() {
            assert!(sealing(1).open("a", &sealed[..len]).is_err(), "length {len}");
        }
    }

    #[test]
    fn a_plain_document_is_refused_once_there_is_a_key() {
        let none = Sealing::new(None).unwrap();
        let plain = none.seal("a", b"keys", &SystemRandom);
        assert_eq!(none.open("a", &plain).unwrap().as_slice(), b"keys");
        assert_eq!(sealing(1).open("a", &plain), Err(SealingError::Unsealed));
    }

    #[test]
    fn a_key_encryption_key_is_32_bytes_in_hexadecimal_or_base64() {
        let plain = sealing(0xab).seal("a", b"keys", &SystemRandom);
        for text in
            ["ab".repeat(32), STANDARD.encode([0xab; 32]), URL_SAFE_NO_PAD.encode([0xab; 32])]
        {
            let sealing = Sealing::from_text(Some(&SecretString::new(text))).unwrap();
            assert!(sealing.open("a", &plain).is_ok());
        }
        for bad in ["", "ab", "a passphrase of no particular length", &"zz".repeat(32)] {
            let sealing = Sealing::from_text(Some(&SecretString::new(bad)));
            assert_eq!(sealing.err(), Some(SealingError::BadKey), "{bad}");
        }
    }
}
