//! A private key that signs short JWTs to other systems, by which Cambio proves who it is
//! (RFC 7523 section 2.2). Called by the validators that ask with `private_key_jwt`; the
//! claims are theirs. Not a key of Cambio's own tokens: no ring, no JWKS, no verifying.

use std::sync::Arc;

use serde_json::json;

use super::prepared::PreparedKey;
use super::signer::SigningKey;
use super::{Algorithm, KeyError, keys};
use crate::domain::{KeyId, SecretString};

/// A prepared private key with the header of its tokens.
#[derive(Debug)]
pub struct AssertionKey(SigningKey);

impl AssertionKey {
    /// From a private key in PEM format (PKCS#8, SEC1 or PKCS#1). Without an id the tokens
    /// carry the key's thumbprint (RFC 7638) as `kid`.
    ///
    /// # Errors
    /// [`KeyError`] when it is no private key for the algorithm, or the algorithm signs with
    /// a shared secret.
    pub fn from_pem(
        pem: &SecretString,
        alg: Algorithm,
        kid: Option<KeyId>,
    ) -> Result<Self, KeyError> {
        if alg.is_symmetric() {
            return Err(KeyError::Rejected(alg));
        }
        let material = keys::from_pem(pem)?;
        let kid = kid.map_or_else(|| keys::thumbprint_kid(alg, &material), Ok)?;
        let key = PreparedKey::new(kid, alg, &material, false)?;
        let header = json!({"alg": alg, "typ": "JWT", "kid": key.kid}).to_string();
        Ok(Self(SigningKey::new(Arc::new(key), &header)))
    }

    /// The compact JWS of the claims.
    #[must_use]
    pub fn sign(&self, claims_json: &[u8]) -> String {
        self.0.sign(claims_json)
    }
}
