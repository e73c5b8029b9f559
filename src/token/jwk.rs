//! Public keys as JSON Web Keys (RFC 7517) and their thumbprints (RFC 7638). Only
//! asymmetric keys get here: a shared secret has no public form.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::{Algorithm, SessionTokens, SiteTokens};
use crate::domain::KeyId;

/// The key-type members of a JWK, in the lexicographic order that RFC 7638 hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum PublicKey {
    /// RFC 7518 section 6.2.
    Ec { crv: &'static str, kty: &'static str, x: String, y: String },
    /// RFC 8037 section 2.
    Okp { crv: &'static str, kty: &'static str, x: String },
    /// RFC 7518 section 6.3.
    Rsa { e: String, kty: &'static str, n: String },
}

impl PublicKey {
    /// From an uncompressed point (SEC 1 section 2.3.3).
    pub(super) fn ec(alg: Algorithm, point: &[u8]) -> Option<Self> {
        let (crv, len) = match alg {
            Algorithm::ES256 => ("P-256", 32),
            Algorithm::ES384 => ("P-384", 48),
            _ => return None,
        };
        let xy = point.strip_prefix(&[4]).filter(|xy| xy.len() == 2 * len)?;
        let (x, y) = xy.split_at(len);
        Some(Self::Ec { crv, kty: "EC", x: encode(x), y: encode(y) })
    }

    /// From the 32 bytes of an Ed25519 public key.
    pub(super) fn ed25519(x: &[u8]) -> Self {
        Self::Okp { crv: "Ed25519", kty: "OKP", x: encode(x) }
    }

    /// From modulus and exponent, big-endian without leading zeros.
    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Self {
        Self::Rsa { e: encode(e), kty: "RSA", n: encode(n) }
    }

    /// The SHA-256 thumbprint in base64url (RFC 7638 section 3): 43 characters.
    pub(super) fn thumbprint(&self) -> String {
        #[expect(clippy::expect_used, reason = "a struct of texts always serialises")]
        let canonical = serde_json::to_vec(self).expect("texts serialise");
        encode(digest(&SHA256, &canonical).as_ref())
    }
}

/// A public key as it is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwk {
    #[serde(flatten)]
    key: PublicKey,
    alg: Algorithm,
    kid: KeyId,
    #[serde(rename = "use")]
    usage: &'static str,
}

impl Jwk {
    pub(super) fn new(key: PublicKey, alg: Algorithm, kid: KeyId) -> Self {
        Self { key, alg, kid, usage: "sig" }
    }

    /// The RFC 7638 thumbprint of the key.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        self.key.thumbprint()
    }
}

/// The JWK Set of a tenant (`/.well-known/jwks.json`): the public keys of both endpoints,
/// each once. `{"keys":[]}` when all its keys are shared secrets.
#[must_use]
pub fn merged_jwks(
    site: Option<&SiteTokens>,
    session: Option<&SessionTokens>,
) -> serde_json::Value {
    let mut keys: Vec<&Jwk> = Vec::new();
    let site = site.map_or(&[][..], SiteTokens::public_keys);
    for jwk in site.iter().chain(session.map_or(&[][..], SessionTokens::public_keys)) {
        if !keys.contains(&jwk) {
            keys.push(jwk);
        }
    }
    serde_json::json!({ "keys": keys })
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbprint_is_the_one_of_rfc_7638() {
        // RFC 7638 section 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = PublicKey::Rsa { e: "AQAB".to_owned(), kty: "RSA", n: n.to_owned() };
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }
}
