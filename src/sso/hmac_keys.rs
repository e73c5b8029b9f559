//! The live secrets of a cookie that a framework signs: the current one and those that it
//! replaced. The kinds that open such cookies hold one of these; a secret is derived into
//! a key once, at boot, and never shown.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;

use super::unseal::hex;
use crate::domain::secret::constant_time_eq;
use crate::domain::setting::{Problems, SecretSource};

/// The shortest accepted secret, in bytes. Whoever has one cookie can try secrets at home, so
/// a shorter one would let anybody sign cookies. The frameworks themselves ask for more.
const MIN_SECRET_LEN: usize = 16;
/// The longest MAC of any of these formats, in bytes (SHA-256).
const MAX_MAC_LEN: usize = 32;

/// Keys that all verify, the current one first.
pub(super) struct HmacKeys(Vec<hmac::Key>);

impl HmacKeys {
    /// Loads the secrets, each with its key path, and derives a key from each.
    pub(super) fn load<'s>(
        secrets: impl IntoIterator<Item = (String, &'s SecretSource)>,
        problems: &mut Problems,
        derive: impl Fn(&[u8]) -> hmac::Key,
    ) -> Self {
        let mut keys = Vec::new();
        for (path, source) in secrets {
            let Some(secret) = problems.ok(&path, source.load()) else { continue };
            let secret = secret.expose().as_bytes();
            if secret.len() < MIN_SECRET_LEN {
                problems.push(path, format!("must be at least {MIN_SECRET_LEN} bytes long"));
            }
            keys.push(derive(secret));
        }
        Self(keys)
    }

    /// Whether `mac`, a text in the encoding of `engine`, is one of these keys' MAC of
    /// `signed`. A MAC that is cut short or altered is a wrong one, whatever it decodes to.
    pub(super) fn verify(&self, signed: &[u8], mac: &str, engine: &impl Engine) -> bool {
        // Four characters are three bytes; the buffer takes what the longest MAC may decode to.
        let mut buffer = [0; MAX_MAC_LEN + 1];
        if mac.len() > (MAX_MAC_LEN + 1) / 3 * 4 {
            return false;
        }
        let Ok(len) = engine.decode_slice(mac, &mut buffer) else { return false };
        self.0.iter().any(|key| hmac::verify(key, signed, &buffer[..len]).is_ok())
    }

    /// Whether `mac`, in lower-case hexadecimal, is one of these keys' MAC of `signed`.
    pub(super) fn verify_hex(&self, signed: &[u8], mac: &str) -> bool {
        let ours = |key| hex(hmac::sign(key, signed).as_ref());
        self.0.iter().any(|key| constant_time_eq(ours(key).as_bytes(), mac.as_bytes()))
    }
}

impl fmt::Debug for HmacKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}
