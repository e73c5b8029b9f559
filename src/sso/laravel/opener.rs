//! What Laravel's `Encrypter` and `EncryptCookies` do to a cookie, undone: base64 of a JSON
//! envelope, whose plaintext begins with a MAC of the cookie's name. The `laravel` kind and
//! kinds that read Laravel's session store call it.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::super::ValidateError;
use super::super::unseal::{CbcKey, GcmKey, KEY_LEN, Plain, base64_array, hex, percent_decoded};
use crate::domain::SecretString;
use crate::domain::secret::constant_time_eq;

/// `config/app.php`'s `cipher`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(in super::super) enum Cipher {
    /// With an HMAC-SHA-256, Laravel's default.
    #[default]
    #[serde(rename = "AES-256-CBC")]
    Cbc,
    /// Authenticated by itself.
    #[serde(rename = "AES-256-GCM")]
    Gcm,
}

/// Opens the cookies of one name.
pub(in super::super) struct Opener {
    keys: Vec<Key>,
    /// What the content of this cookie begins with, for each key (`CookieValuePrefix`).
    prefixes: Vec<String>,
}

enum Key {
    Cbc { mac: Box<hmac::Key>, cipher: Box<CbcKey> },
    Gcm(GcmKey),
}

/// The encrypter's envelope. It has to be read to find what authenticates it, so it holds
/// texts alone; `mac` is empty for GCM, `tag` for CBC.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    iv: String,
    value: String,
    mac: String,
    #[serde(default)]
    tag: String,
}

const FORM: ValidateError = ValidateError::Malformed("it is no encrypted laravel cookie");
/// The one answer to a value that no live key has made.
const FORGED: ValidateError = ValidateError::Rejected("no key opens it");

impl Opener {
    /// With every live key, for the cookie of this name.
    ///
    /// # Errors
    /// The rule that a key breaks: `base64:` and 32 bytes.
    pub(in super::super) fn new(
        keys: &[SecretString],
        cipher: Cipher,
        cookie: &str,
    ) -> Result<Self, &'static str> {
        const RULE: &str =
            "must be \"base64:\" and 32 bytes in base64, as artisan key:generate makes";
        let mut opener = Self { keys: vec![], prefixes: vec![] };
        for text in keys {
            let encoded = text.expose().strip_prefix("base64:").ok_or(RULE)?;
            let key =
                base64_array::<KEY_LEN>(&STANDARD, encoded).map(Zeroizing::new).ok_or(RULE)?;
            let sha1 = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_ref());
            let prefix = hmac::sign(&sha1, format!("{cookie}v2").as_bytes());
            opener.prefixes.push(format!("{}|", hex(prefix.as_ref())));
            opener.keys.push(Key::new(cipher, key.as_ref()).ok_or(RULE)?);
        }
        Ok(opener)
    }

    /// The authentic content of a cookie, percent-encoded or not.
    ///
    /// # Errors
    /// `Malformed` when it is not of the form; `Rejected` when no key has made it, or it was
    /// made for a cookie of another name.
    pub(in super::super) fn open(&self, value: &str) -> Result<Zeroizing<String>, ValidateError> {
        let json = STANDARD.decode(percent_decoded(value)?.as_bytes()).map_err(|_| FORM)?;
        let envelope: Envelope = serde_json::from_slice(&json).map_err(|_| FORM)?;
        let sealed = STANDARD.decode(&envelope.value).map_err(|_| FORM)?;
        let mut plain = None;
        for key in &self.keys {
            plain = key.open(&envelope, &sealed)?;
            if plain.is_some() {
                break;
            }
        }
        self.content(&plain.ok_or(FORGED)?)
    }

    /// Without its prefix, which any live key may have made (`CookieValuePrefix::validate`).
    fn content(&self, plain: &Plain) -> Result<Zeroizing<String>, ValidateError> {
        let plain = std::str::from_utf8(plain)
            .map_err(|_| ValidateError::Malformed("its content is not utf-8"))?;
        let ours = |prefix: &&String| {
            let start = plain.as_bytes().get(..prefix.len());
            start.is_some_and(|start| constant_time_eq(start, prefix.as_bytes()))
        };
        let prefix = self.prefixes.iter().find(ours);
        let prefix = prefix.ok_or(ValidateError::Rejected("it was made for another cookie"))?;
        Ok(Zeroizing::new(plain[prefix.len()..].to_owned()))
    }
}

impl Key {
    fn new(cipher: Cipher, key: &[u8]) -> Option<Self> {
        match cipher {
            Cipher::Cbc => {
                let mac = Box::new(hmac::Key::new(hmac::HMAC_SHA256, key));
                CbcKey::new(key).map(|cipher| Self::Cbc { mac, cipher: Box::new(cipher) })
            }
            Cipher::Gcm => GcmKey::new(key).map(Self::Gcm),
        }
    }

    /// `None` when this key has not made it. Of `mac` and `tag` the one that the cipher does
    /// not use must be empty: nothing authenticates it.
    fn open(&self, envelope: &Envelope, sealed: &[u8]) -> Result<Option<Plain>, ValidateError> {
        match self {
            Self::Cbc { mac, cipher } => {
                let iv = base64_array(&STANDARD, &envelope.iv).ok_or(FORM)?;
                if !envelope.tag.is_empty() {
                    return Err(FORM);
                }
                let mut want = hmac::Context::with_key(mac);
                want.update(envelope.iv.as_bytes());
                want.update(envelope.value.as_bytes());
                let want = hex(want.sign().as_ref());
                let authentic = constant_time_eq(want.as_bytes(), envelope.mac.as_bytes());
                Ok(authentic.then(|| cipher.decrypt_authentic(iv, sealed)).flatten())
            }
            Self::Gcm(key) => {
                let iv = base64_array(&STANDARD, &envelope.iv).ok_or(FORM)?;
                let tag = base64_array(&STANDARD, &envelope.tag).ok_or(FORM)?;
                if !envelope.mac.is_empty() {
                    return Err(FORM);
                }
                Ok(key.open(iv, &[], sealed, &tag))
            }
        }
    }
}

/// Whether a content is an id that Laravel gives to sessions (`Store::isValidId`).
pub(in super::super) fn is_session_id(content: &str) -> bool {
    content.len() == 40 && content.bytes().all(|b| b.is_ascii_alphanumeric())
}
