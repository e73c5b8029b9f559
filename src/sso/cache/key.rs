//! What verdicts are kept under: a digest of the credential, keyed with a random key of this
//! process, so that neither the memory nor a dump of it says which credential it was.

use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::domain::{Credential, Random};

/// A map by [`Key`], whose bytes are as good as random: nothing is hashed twice.
pub(super) type KeyMap<V> = std::collections::HashMap<Key, V, BuildHasherDefault<FirstBytes>>;

/// A keyed digest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key([u8; 32]);

/// Makes keys; HMAC-SHA256.
pub(super) struct Digester(hmac::Key);

impl Digester {
    pub(super) fn new(random: &dyn Random) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        random.fill(&mut *key);
        Self(hmac::Key::new(hmac::HMAC_SHA256, &*key))
    }

    /// The key of a credential. Every part comes with its length, so that no two credentials read
    /// the same.
    pub(super) fn key(&self, credential: &Credential) -> Key {
        let mut digest = hmac::Context::with_key(&self.0);
        let mut part = |text: &str| {
            digest.update(&(text.len() as u64).to_le_bytes());
            digest.update(text.as_bytes());
        };
        match credential {
            Credential::Cookie(text) => {
                part("cookie");
                part(text.expose());
            }
            Credential::Token(text) => {
                part("token");
                part(text.expose());
            }
            Credential::Password { username, password } => {
                part("password");
                part(username.expose());
                part(password.expose());
            }
        }
        let mut key = [0; 32];
        key.copy_from_slice(digest.sign().as_ref());
        Key(key)
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digester")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        state.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    }
}

/// Takes the one number it is given as the hash.
#[derive(Debug, Default)]
pub(super) struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        // Only `Key` is hashed with this, by `write_u64`.
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{SecretString, SystemRandom};

    #[test]
    fn no_two_credentials_share_a_key_and_no_two_processes_do() {
        let text = |text: &str| SecretString::new(text);
        let password =
            |u: &str, p: &str| Credential::Password { username: text(u), password: text(p) };
        let credentials = [
            Credential::Cookie(text("ab")),
            Credential::Token(text("ab")),
            password("a", "b"),
            password("ab", ""),
            password("", "ab"),
        ];
        let (ours, other) = (Digester::new(&SystemRandom), Digester::new(&SystemRandom));
        let mut keys = Vec::new();
        for credential in &credentials {
            assert_eq!(ours.key(credential), ours.key(credential));
            keys.extend([ours.key(credential), other.key(credential)]);
        }
        for (i, key) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(key));
        }
    }
}
