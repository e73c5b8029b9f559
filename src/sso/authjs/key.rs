//! Auth.js's content-encryption keys: HKDF-SHA-256 of a secret, for the one algorithm that
//! each major version writes. A token's header never chooses (RFC 8725 section 3.1).

use aws_lc_rs::{hkdf, hmac};
use zeroize::Zeroizing;

use super::super::unseal::{BLOCK_LEN, CbcKey, GcmKey, KEY_LEN, Plain, TAG_LEN};
use crate::domain::SecretString;
use crate::domain::secret::constant_time_eq;

/// The tag of A256CBC-HS512: half of its MAC, in bytes (RFC 7518 section 5.2.5).
const CBC_TAG_LEN: usize = 32;

/// A key of one algorithm.
pub(super) enum ContentKey {
    /// A256GCM, NextAuth.js 4.
    Gcm(GcmKey),
    /// A256CBC-HS512, Auth.js 5.
    CbcHs512 {
        /// The first half of the key.
        mac: Box<hmac::Key>,
        /// The second half.
        cipher: Box<CbcKey>,
    },
}

/// The parts of a token that a key works on, decoded but not authenticated.
pub(super) struct Sealed<'t> {
    /// The protected header as it was sent.
    pub(super) aad: &'t [u8],
    pub(super) iv: &'t [u8],
    pub(super) sealed: &'t [u8],
    pub(super) tag: &'t [u8],
}

impl ContentKey {
    /// NextAuth.js 4's key; the cookie's name has no part in it.
    pub(super) fn version_4(secret: &SecretString) -> Option<Self> {
        let key = derive::<KEY_LEN>(secret, "", "NextAuth.js Generated Encryption Key")?;
        GcmKey::new(key.as_ref()).map(Self::Gcm)
    }

    /// Auth.js 5's key for the cookie of this name, its prefix `__Secure-` included.
    pub(super) fn version_5(secret: &SecretString, cookie: &str) -> Option<Self> {
        let info = format!("Auth.js Generated Encryption Key ({cookie})");
        let key = derive::<{ 2 * KEY_LEN }>(secret, cookie, &info)?;
        let (mac, cipher) = key.split_at(KEY_LEN);
        let mac = Box::new(hmac::Key::new(hmac::HMAC_SHA512, mac));
        CbcKey::new(cipher).map(|cipher| Self::CbcHs512 { mac, cipher: Box::new(cipher) })
    }

    /// The algorithm as a header must name it.
    pub(super) fn enc(&self) -> &'static str {
        match self {
            Self::Gcm(_) => "A256GCM",
            Self::CbcHs512 { .. } => "A256CBC-HS512",
        }
    }

    /// Whether initialisation vector and tag have the algorithm's lengths.
    pub(super) fn fits(&self, token: &Sealed<'_>) -> bool {
        (token.iv.len(), token.tag.len())
            == match self {
                Self::Gcm(_) => (12, TAG_LEN),
                Self::CbcHs512 { .. } => (BLOCK_LEN, CBC_TAG_LEN),
            }
    }

    /// Authenticates, then decrypts.
    pub(super) fn open(&self, token: &Sealed<'_>) -> Option<Plain> {
        match self {
            Self::Gcm(key) => {
                let (iv, tag) = (token.iv.try_into().ok()?, token.tag.try_into().ok()?);
                key.open(iv, token.aad, token.sealed, tag)
            }
            Self::CbcHs512 { mac, cipher } => {
                let iv = token.iv.try_into().ok()?;
                let want = cbc_mac(mac, token)?;
                let authentic = constant_time_eq(&want.as_ref()[..CBC_TAG_LEN], token.tag);
                authentic.then(|| cipher.decrypt_authentic(iv, token.sealed)).flatten()
            }
        }
    }
}

/// RFC 7518 section 5.2.2.1: over the header, the vector, the ciphertext, and the header's
/// length in bits as 64 bits.
fn cbc_mac(key: &hmac::Key, token: &Sealed<'_>) -> Option<hmac::Tag> {
    let header_bits = u64::try_from(token.aad.len()).ok()?.checked_mul(8)?;
    let mut mac = hmac::Context::with_key(key);
    for part in [token.aad, token.iv, token.sealed, &header_bits.to_be_bytes()] {
        mac.update(part);
    }
    Some(mac.sign())
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA-256 (RFC 5869).
fn derive<const LEN: usize>(
    secret: &SecretString,
    salt: &str,
    info: &str,
) -> Option<Zeroizing<[u8; LEN]>> {
    let prk =
        hkdf::Salt::new(hkdf::HKDF_SHA256, salt.as_bytes()).extract(secret.expose().as_bytes());
    let mut key = Zeroizing::new([0; LEN]);
    prk.expand(&[info.as_bytes()], Length(LEN)).ok()?.fill(key.as_mut()).ok()?;
    Some(key)
}
