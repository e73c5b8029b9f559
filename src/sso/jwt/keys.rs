//! Verification keys, prepared: each is bound to the one algorithm it is for, so a
//! token's header can select among keys and never change what a key is used for.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::ParsedPublicKey;
use jsonwebtoken::Algorithm;

use super::super::ValidateError;
use super::jws::{UNFIT_ALGORITHM, UnverifiedJws};
use super::public_key::PublicKey;
use crate::domain::SecretString;

/// The keys of one issuer.
#[derive(Debug, Default)]
pub(in super::super) struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    kid: Option<String>,
    algorithm: Algorithm,
    material: Material,
}

enum Material {
    Shared(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

impl KeySet {
    /// Checks the signature with every key that the header's `alg` and `kid` fit. A key
    /// without an id fits any; a token without one fits every key.
    ///
    /// # Errors
    /// [`NoKey`] when nothing fits, so that a caller may look for newer keys.
    pub(in super::super) fn verify(&self, jws: &UnverifiedJws<'_>) -> Result<Checked, NoKey> {
        let kid_fits = |key: &Key| match (&key.kid, &jws.kid) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        };
        let mut fitting =
            self.0.iter().filter(|key| key.algorithm == jws.algorithm && kid_fits(key)).peekable();
        if fitting.peek().is_none() {
            return Err(NoKey { other_algorithm: self.0.iter().any(kid_fits) });
        }
        let verified = fitting.any(|key| key.material.verifies(jws.signed, &jws.signature));
        Ok(if verified { Checked::Verified } else { Checked::BadSignature })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a shared secret for each of the HMAC algorithms.
    ///
    /// # Errors
    /// A text when it is shorter than an algorithm's hash (RFC 7518 section 3.2).
    pub(in super::super) fn add_shared(
        &mut self,
        kid: Option<String>,
        secret: &SecretString,
        algorithms: &[Algorithm],
    ) -> Result<(), String> {
        for &algorithm in algorithms {
            let hash = match algorithm {
                Algorithm::HS256 => hmac::HMAC_SHA256,
                Algorithm::HS384 => hmac::HMAC_SHA384,
                Algorithm::HS512 => hmac::HMAC_SHA512,
                _ => continue,
            };
            let min = hash.tag_len();
            let bytes = secret.expose().as_bytes();
            if bytes.len() < min {
                return Err(format!("must be at least {min} bytes long for {algorithm:?}"));
            }
            let material = Material::Shared(Box::new(hmac::Key::new(hash, bytes)));
            self.0.push(Key { kid: kid.clone(), algorithm, material });
        }
        Ok(())
    }

    /// One public key's set, see [`KeySet::add_public`].
    pub(super) fn of_public(
        kid: Option<&str>,
        key: &PublicKey,
        algorithms: &[Algorithm],
    ) -> Result<Self, String> {
        let mut keys = Self::default();
        keys.add_public(kid, key, algorithms)?;
        Ok(keys)
    }

    /// Adds a public key for each of `algorithms` that it can be used with.
    ///
    /// # Errors
    /// A text when the key is broken or too weak, or fits none of the algorithms.
    pub(super) fn add_public(
        &mut self,
        kid: Option<&str>,
        key: &PublicKey,
        algorithms: &[Algorithm],
    ) -> Result<(), String> {
        let before = self.0.len();
        for &algorithm in algorithms {
            let Some(parsed) = key.parsed(algorithm) else { continue };
            let material = Material::Public(parsed?);
            self.0.push(Key { kid: kid.map(str::to_owned), algorithm, material });
        }
        if self.0.len() == before {
            Err("key fits no allowed algorithm".to_owned())
        } else {
            Ok(())
        }
    }
}

/// What a signature is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Checked {
    /// One of the keys verifies it.
    Verified,
    /// None does.
    BadSignature,
}

impl Checked {
    /// # Errors
    /// `Rejected` unless the signature verified.
    pub(in super::super) fn ok(self) -> Result<(), ValidateError> {
        match self {
            Self::Verified => Ok(()),
            Self::BadSignature => Err(ValidateError::Rejected("signature does not verify")),
        }
    }
}

/// No key fits the token's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct NoKey {
    /// There is a key of that id, for another algorithm.
    other_algorithm: bool,
}

impl From<NoKey> for ValidateError {
    fn from(no_key: NoKey) -> Self {
        if no_key.other_algorithm { UNFIT_ALGORITHM } else { Self::Rejected("key is unknown") }
    }
}

impl Material {
    fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Shared(key) => hmac::verify(key, signed, signature).is_ok(),
            Self::Public(key) => key.verify_sig(signed, signature).is_ok(),
        }
    }
}

impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Shared(_) => "[redacted]",
            Self::Public(_) => "public",
        })
    }
}
