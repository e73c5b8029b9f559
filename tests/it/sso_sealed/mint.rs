//! Makes cookies as the frameworks do, from their formats' descriptions and with none of
//! Cambio's code: what the vectors do not show (other expiries, keys and purposes).

use std::num::NonZeroU32;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::{hkdf, hmac, pbkdf2};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

const NONCE: [u8; 12] = [7; 12];
const IV: [u8; 16] = [9; 16];

fn gcm(key: &[u8], aad: &[u8], plain: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
    let mut sealed = plain.to_vec();
    let nonce = Nonce::assume_unique_for_key(NONCE);
    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut sealed).unwrap();
    (sealed, tag.as_ref().to_vec())
}

fn cbc(key: &[u8], plain: &[u8]) -> Vec<u8> {
    let key = UnboundCipherKey::new(&AES_256, key).unwrap();
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).unwrap();
    let mut sealed = plain.to_vec();
    key.less_safe_encrypt(&mut sealed, EncryptionContext::Iv128(IV.into())).unwrap();
    sealed
}

fn pbkdf2(algorithm: pbkdf2::Algorithm, n: u32, salt: &str, secret: &str, len: usize) -> Vec<u8> {
    let mut key = vec![0; len];
    let n = NonZeroU32::new(n).unwrap();
    pbkdf2::derive(algorithm, n, salt.as_bytes(), secret.as_bytes(), &mut key);
    key
}

fn hmac(algorithm: hmac::Algorithm, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(algorithm, key), &parts.concat()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn percent_encoded(text: &str) -> String {
    text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

/// The metadata around a value that Rails writes.
pub(crate) fn rails_envelope(purpose: &str, value: &Value, exp: Option<&str>) -> Value {
    let message = STANDARD.encode(value.to_string());
    json!({"_rails": {"message": message, "exp": exp, "pur": purpose}})
}

/// An encrypted Rails cookie with the SHA-256 derivation and the default salt.
pub(crate) fn rails_encrypted(secret: &str, envelope: &Value) -> String {
    let salt = "authenticated encrypted cookie";
    let key = pbkdf2(pbkdf2::PBKDF2_HMAC_SHA256, 1000, salt, secret, 32);
    let (sealed, tag) = gcm(&key, &[], envelope.to_string().as_bytes());
    let parts = [sealed, NONCE.to_vec(), tag].map(|part| STANDARD.encode(part));
    percent_encoded(&parts.join("--"))
}

/// A signed Rails cookie with the SHA-256 derivation, this salt and an HMAC-SHA-256.
pub(crate) fn rails_signed(secret: &str, salt: &str, envelope: &Value) -> String {
    let key = pbkdf2(pbkdf2::PBKDF2_HMAC_SHA256, 1000, salt, secret, 64);
    let data = STANDARD.encode(envelope.to_string());
    let mac = hmac(hmac::HMAC_SHA256, &key, &[data.as_bytes()]);
    percent_encoded(&format!("{data}--{}", hex(&mac)))
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn hkdf(secret: &str, salt: &str, info: &str, len: usize) -> Vec<u8> {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt.as_bytes()).extract(secret.as_bytes());
    let mut key = vec![0; len];
    prk.expand(&[info.as_bytes()], Length(len)).unwrap().fill(&mut key).unwrap();
    key
}

fn jwe(header: &str, iv: &[u8], sealed: &[u8], tag: &[u8]) -> String {
    let [iv, sealed, tag] = [iv, sealed, tag].map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{header}..{iv}.{sealed}.{tag}")
}

/// A cookie of NextAuth.js 4 with this header.
pub(crate) fn authjs_4(secret: &str, header: &Value, claims: &Value) -> String {
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    let key = hkdf(secret, "", "NextAuth.js Generated Encryption Key", 32);
    let (sealed, tag) = gcm(&key, header.as_bytes(), claims.to_string().as_bytes());
    jwe(&header, &NONCE, &sealed, &tag)
}

/// A cookie of Auth.js 5 of this name with this header.
pub(crate) fn authjs_5(secret: &str, name: &str, header: &Value, claims: &Value) -> String {
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    let key = hkdf(secret, name, &format!("Auth.js Generated Encryption Key ({name})"), 64);
    let sealed = cbc(&key[32..], claims.to_string().as_bytes());
    let bits = (header.len() as u64 * 8).to_be_bytes();
    let covered: [&[u8]; 4] = [header.as_bytes(), &IV, &sealed, &bits];
    let mac = hmac(hmac::HMAC_SHA512, &key[..32], &covered);
    jwe(&header, &IV, &sealed, &mac[..32])
}

/// An iron-session cookie whose expiry is this text (milliseconds, or nothing).
pub(crate) fn iron(id: &str, password: &str, session: &str, expiry: &str) -> String {
    let (salt, mac_salt) = ("5".repeat(64), "a".repeat(64));
    let derive = |salt: &str| pbkdf2(pbkdf2::PBKDF2_HMAC_SHA1, 1, salt, password, 32);
    let sealed = cbc(&derive(&salt), session.as_bytes());
    let [iv, sealed] = [&IV[..], &sealed].map(|part| URL_SAFE_NO_PAD.encode(part));
    let covered = format!("Fe26.2*{id}*{salt}*{iv}*{sealed}*{expiry}");
    let mac = hmac(hmac::HMAC_SHA256, &derive(&mac_salt), &[covered.as_bytes()]);
    format!("{covered}*{mac_salt}*{}~2", URL_SAFE_NO_PAD.encode(mac))
}

/// A Laravel cookie of this name, AES-256-CBC, under this key of 32 bytes.
pub(crate) fn laravel(key: &[u8], name: &str, content: &str) -> String {
    let sha1 = hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY;
    let prefix = hex(&hmac(sha1, key, &[name.as_bytes(), b"v2"]));
    let value = STANDARD.encode(cbc(key, format!("{prefix}|{content}").as_bytes()));
    let iv = STANDARD.encode(IV);
    let mac = hex(&hmac(hmac::HMAC_SHA256, key, &[iv.as_bytes(), value.as_bytes()]));
    let envelope = json!({"iv": iv, "value": value, "mac": mac, "tag": ""});
    percent_encoded(&STANDARD.encode(envelope.to_string()))
}
