//! JWK sets (RFC 7517) into keys. Symmetric keys never come from a set: a document that
//! may be public is no place for a secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::Value;

use super::keys::KeySet;
use super::public_key::PublicKey;

/// The most keys that are taken from one set.
const MAX_KEYS: usize = 64;

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

/// Reads a set. Members that are not understood, for encryption, or for algorithms that are
/// not allowed are skipped, as RFC 7517 section 5 has it.
///
/// # Errors
/// A text when it is no set, or nothing in it is usable.
pub(super) fn parse(json: &[u8], algorithms: &[Algorithm]) -> Result<KeySet, String> {
    let set: JwkSet = serde_json::from_slice(json).map_err(|_| "is not a JWK set".to_owned())?;
    if set.keys.len() > MAX_KEYS {
        return Err(format!("has more than {MAX_KEYS} keys"));
    }
    let mut keys = KeySet::default();
    for jwk in set.keys {
        let Ok(jwk) = serde_json::from_value::<Jwk>(jwk) else { continue };
        let Some(key) = jwk.key().filter(|_| jwk.is_for_verifying()) else { continue };
        let named = |a: &&Algorithm| jwk.alg.as_ref().is_none_or(|alg| *alg == format!("{a:?}"));
        let fitting: Vec<Algorithm> = algorithms.iter().filter(named).copied().collect();
        // A key of another type than every allowed algorithm is skipped as well.
        let _ = keys.add_public(jwk.kid.as_deref(), &key, &fitting);
    }
    if keys.is_empty() { Err("has no key for an allowed algorithm".to_owned()) } else { Ok(keys) }
}

impl Jwk {
    fn is_for_verifying(&self) -> bool {
        self.usage.as_ref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"))
    }

    fn key(&self) -> Option<PublicKey> {
        let member = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_ref()?).ok();
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Some(PublicKey::Rsa { n: member(&self.n)?, e: member(&self.e)? }),
            ("EC", Some(curve)) => {
                let size = match curve {
                    "P-256" => 32,
                    "P-384" => 48,
                    _ => return None,
                };
                let (x, y) = (member(&self.x)?, member(&self.y)?);
                let right_size = x.len() == size && y.len() == size;
                right_size.then(|| PublicKey::Ec([&[4], x.as_slice(), y.as_slice()].concat()))
            }
            ("OKP", Some("Ed25519")) => {
                member(&self.x).filter(|x| x.len() == 32).map(PublicKey::Ed)
            }
            _ => None,
        }
    }
}
