//! Prepared keys: parsed once when a ring is loaded, so that signing and verifying cost
//! the mathematics and nothing else. `signer.rs` makes tokens with them; no other module
//! touches a private key.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, ParsedPublicKey,
    RsaEncoding, RsaKeyPair, VerificationAlgorithm,
};

use super::jwk::{Jwk, PublicKey};
use super::{Algorithm, KeyError};
use crate::domain::{KeyId, SecretBytes};

/// The longest signature: RSA with 8192 bits.
pub(super) const MAX_SIGNATURE: usize = 1024;

/// The shortest secret that may be imported even for a vendor's legacy key.
pub(super) const LEGACY_SECRET: usize = 16;

/// A private key, parsed, with its public half.
pub(super) struct PreparedKey {
    /// Its name in the ring.
    pub(super) kid: KeyId,
    /// What it signs with; a key has one algorithm.
    pub(super) alg: Algorithm,
    pair: Pair,
}

enum Pair {
    Hmac(Box<hmac::Key>),
    Ecdsa(EcdsaKeyPair, ParsedPublicKey),
    Ed25519(Ed25519KeyPair, ParsedPublicKey),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding, ParsedPublicKey),
}

impl PreparedKey {
    /// From a raw HMAC secret or a PKCS#8 (or SEC1, or PKCS#1) DER document.
    ///
    /// # Errors
    /// [`KeyError::ShortSecret`] below the algorithm's least length, or below 16 bytes with
    /// `allow_short`; [`KeyError::Rejected`].
    pub(super) fn new(
        kid: KeyId,
        alg: Algorithm,
        material: &SecretBytes,
        allow_short: bool,
    ) -> Result<Self, KeyError> {
        let material = material.expose();
        let pair = match alg {
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
                hmac_key(alg, material, allow_short)?
            }
            Algorithm::ES256 => ecdsa(
                &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
                &signature::ECDSA_P256_SHA256_FIXED,
                material,
            )
            .ok_or(KeyError::Rejected(alg))?,
            Algorithm::ES384 => ecdsa(
                &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
                &signature::ECDSA_P384_SHA384_FIXED,
                material,
            )
            .ok_or(KeyError::Rejected(alg))?,
            Algorithm::EdDSA => ed25519(material).ok_or(KeyError::Rejected(alg))?,
            Algorithm::RS256 => {
                rsa(&signature::RSA_PKCS1_SHA256, &signature::RSA_PKCS1_2048_8192_SHA256, material)
                    .ok_or(KeyError::Rejected(alg))?
            }
            Algorithm::PS256 => {
                rsa(&signature::RSA_PSS_SHA256, &signature::RSA_PSS_2048_8192_SHA256, material)
                    .ok_or(KeyError::Rejected(alg))?
            }
        };
        Ok(Self { kid, alg, pair })
    }

    /// Its public half as a JWK; `None` for a shared secret, which is never published.
    pub(super) fn jwk(&self) -> Option<Jwk> {
        let key = match &self.pair {
            Pair::Hmac(_) => return None,
            Pair::Ecdsa(pair, _) => PublicKey::ec(self.alg, pair.public_key().as_ref())?,
            Pair::Ed25519(pair, _) => PublicKey::ed25519(pair.public_key().as_ref()),
            Pair::Rsa(pair, _, _) => {
                let public = pair.public_key();
                PublicKey::rsa(
                    public.modulus().big_endian_without_leading_zero(),
                    public.exponent().big_endian_without_leading_zero(),
                )
            }
        };
        Some(Jwk::new(key, self.alg, self.kid.clone()))
    }

    /// Signs into `out` and answers the signature's length.
    #[expect(
        clippy::expect_used,
        reason = "signing with a parsed key fails only without memory or entropy: stop at once"
    )]
    pub(super) fn sign(&self, message: &[u8], out: &mut [u8; MAX_SIGNATURE]) -> usize {
        let signature = match &self.pair {
            Pair::Hmac(key) => {
                return hmac::sign_to_buffer(key, message, out)
                    .expect("a tag is shorter than the longest signature")
                    .len();
            }
            Pair::Rsa(pair, encoding, _) => {
                let len = pair.public_modulus_len();
                pair.sign(*encoding, &SystemRandom::new(), message, &mut out[..len])
                    .expect("a parsed RSA key signs");
                return len;
            }
            Pair::Ecdsa(pair, _) => {
                pair.sign(&SystemRandom::new(), message).expect("a parsed ECDSA key signs")
            }
            Pair::Ed25519(pair, _) => pair.try_sign(message).expect("a parsed Ed25519 key signs"),
        };
        let signature = signature.as_ref();
        out[..signature.len()].copy_from_slice(signature);
        signature.len()
    }

    /// The most bytes a signature of this key has.
    pub(super) fn signature_len(&self) -> usize {
        match &self.pair {
            Pair::Hmac(key) => key.algorithm().tag_len(),
            Pair::Ecdsa(..) | Pair::Ed25519(..) => 96,
            Pair::Rsa(pair, ..) => pair.public_modulus_len(),
        }
    }

    /// Whether the signature is this key's; in constant time for a MAC.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.pair {
            Pair::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Pair::Ecdsa(_, public) | Pair::Ed25519(_, public) | Pair::Rsa(_, _, public) => {
                public.verify_sig(message, signature).is_ok()
            }
        }
    }
}

impl fmt::Debug for PreparedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} key {}", self.alg, self.kid)
    }
}

fn hmac_key(alg: Algorithm, secret: &[u8], allow_short: bool) -> Result<Pair, KeyError> {
    let full = alg.mac_len().unwrap_or(usize::MAX);
    let need = if allow_short { LEGACY_SECRET.min(full) } else { full };
    if secret.len() < need {
        return Err(KeyError::ShortSecret { alg, have: secret.len(), need });
    }
    let digest = match alg {
        Algorithm::HS256 => hmac::HMAC_SHA256,
        Algorithm::HS384 => hmac::HMAC_SHA384,
        Algorithm::HS512 => hmac::HMAC_SHA512,
        _ => return Err(KeyError::Rejected(alg)),
    };
    Ok(Pair::Hmac(Box::new(hmac::Key::new(digest, secret))))
}

fn ecdsa(
    signing: &'static EcdsaSigningAlgorithm,
    verifying: &'static dyn VerificationAlgorithm,
    der: &[u8],
) -> Option<Pair> {
    let pair = EcdsaKeyPair::from_private_key_der(signing, der).ok()?;
    let public = ParsedPublicKey::new(verifying, pair.public_key().as_ref()).ok()?;
    Some(Pair::Ecdsa(pair, public))
}

fn ed25519(der: &[u8]) -> Option<Pair> {
    let pair = Ed25519KeyPair::from_pkcs8(der).ok()?;
    let public = ParsedPublicKey::new(&signature::ED25519, pair.public_key().as_ref()).ok()?;
    Some(Pair::Ed25519(pair, public))
}

/// RSA keys have 2048 to 8192 bits: the parsers refuse others.
fn rsa(
    encoding: &'static dyn RsaEncoding,
    verifying: &'static dyn VerificationAlgorithm,
    der: &[u8],
) -> Option<Pair> {
    let pair = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)).ok()?;
    if !(256..=MAX_SIGNATURE).contains(&pair.public_modulus_len()) {
        return None;
    }
    let public = ParsedPublicKey::new(verifying, pair.public_key().as_ref()).ok()?;
    Some(Pair::Rsa(pair, encoding, public))
}
