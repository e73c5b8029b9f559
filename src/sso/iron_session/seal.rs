//! The Fe26.2 seal, as iron-webcrypto's `unseal` reads it with the default options that
//! iron-session uses: `Fe26.2*id*salt*iv*ciphertext*expiry*salt*mac`, then `~2`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA1;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::ValidateError;
use super::super::mapping::EXPIRED;
use super::super::unseal::{BLOCK_LEN, CbcKey, KEY_LEN, Plain, base64_array, pbkdf2};
use crate::domain::secret::constant_time_eq;
use crate::domain::{SecretString, Timestamp};

/// The seal's version, which its MAC covers.
const PREFIX: &str = "Fe26.2";
/// iron-session's own version of the content. The MAC does not cover it, so there is one.
const SUFFIX: &str = "~2";
/// The iterations of a key's derivation.
const ITERATIONS: NonZeroU32 = NonZeroU32::MIN;
/// The length of a salt: 256 bits in hexadecimal.
const SALT_LEN: usize = 64;
/// How far clocks may be off (`timestampSkewSec`).
const SKEW: Duration = Duration::from_secs(60);

/// A seal's parts; nobody has vouched for them yet.
pub(super) struct UnverifiedSeal<'t> {
    /// What the MAC covers: the first six parts.
    covered: &'t str,
    password_id: &'t str,
    salt: &'t str,
    iv: [u8; BLOCK_LEN],
    sealed: Vec<u8>,
    /// Milliseconds since the epoch, or nothing.
    expiry: &'t str,
    mac_salt: &'t str,
    mac: &'t str,
}

/// An authentic, live seal's content.
pub(super) struct Opened {
    pub(super) plain: Plain,
    /// When the seal ends, if it does (`ttl: 0` makes one that does not).
    pub(super) end: Option<Timestamp>,
}

impl<'t> UnverifiedSeal<'t> {
    /// Takes a seal apart.
    ///
    /// # Errors
    /// `Malformed` when it is not of the form.
    pub(super) fn parse(text: &'t str) -> Result<Self, ValidateError> {
        Self::parts(text).ok_or(ValidateError::Malformed("it is no iron-session seal"))
    }

    fn parts(text: &'t str) -> Option<Self> {
        let text = text.strip_suffix(SUFFIX)?;
        let parts: Vec<&str> = text.splitn(9, '*').collect();
        let [prefix, password_id, salt, iv, sealed, expiry, mac_salt, mac] = parts[..] else {
            return None;
        };
        let is_salt = |t: &str| t.len() == SALT_LEN && t.bytes().all(|b| b.is_ascii_hexdigit());
        if prefix != PREFIX || !is_salt(salt) || !is_salt(mac_salt) {
            return None;
        }
        let covered = &text[..text.len() - mac_salt.len() - mac.len() - 2];
        let iv = base64_array(&URL_SAFE_NO_PAD, iv)?;
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        Some(Self { covered, password_id, salt, iv, sealed, expiry, mac_salt, mac })
    }

    /// Verifies the MAC, then the expiry, then decrypts.
    ///
    /// # Errors
    /// `Rejected` when no live password has made it or it has expired.
    pub(super) fn open(
        &self,
        passwords: &BTreeMap<String, SecretString>,
        now: Timestamp,
    ) -> Result<Opened, ValidateError> {
        // One answer for an unknown password and for a wrong MAC.
        const FORGED: ValidateError = ValidateError::Rejected("no password opens it");
        let password = self.password(passwords).ok_or(FORGED)?;
        let end = self.end(now)?;
        let key = derive(password, self.salt);
        let plain =
            CbcKey::new(key.as_ref()).and_then(|k| k.decrypt_authentic(self.iv, &self.sealed));
        Ok(Opened { plain: plain.ok_or(FORGED)?, end })
    }

    /// Whether one of these has made it, expired or not.
    pub(super) fn is_made_with(&self, passwords: &BTreeMap<String, SecretString>) -> bool {
        self.password(passwords).is_some()
    }

    /// The password that has made it.
    fn password<'p>(
        &self,
        passwords: &'p BTreeMap<String, SecretString>,
    ) -> Option<&'p SecretString> {
        passwords.get(self.password_id).filter(|password| self.is_authentic(password))
    }

    /// The MAC's text is compared, as the library does: it has one spelling.
    fn is_authentic(&self, password: &SecretString) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, derive(password, self.mac_salt).as_ref());
        let mac = URL_SAFE_NO_PAD.encode(hmac::sign(&key, self.covered.as_bytes()));
        constant_time_eq(mac.as_bytes(), self.mac.as_bytes())
    }

    /// When an authentic seal ends. Inside the skew behind its expiry that is the end of the
    /// skew, so that an end is never in the past.
    fn end(&self, now: Timestamp) -> Result<Option<Timestamp>, ValidateError> {
        if self.expiry.is_empty() {
            return Ok(None);
        }
        let millis: i64 = self
            .expiry
            .parse()
            .ok()
            .filter(|_| self.expiry.bytes().all(|b| b.is_ascii_digit()))
            .ok_or(ValidateError::Malformed("its expiry is no time"))?;
        let expiry = Timestamp::from_secs(millis / 1000);
        let end = if expiry > now { expiry } else { expiry.plus(SKEW) };
        if end > now { Ok(Some(end)) } else { Err(EXPIRED) }
    }
}

fn derive(password: &SecretString, salt: &str) -> zeroize::Zeroizing<[u8; KEY_LEN]> {
    pbkdf2(PBKDF2_HMAC_SHA1, ITERATIONS, salt.as_bytes(), password)
}
