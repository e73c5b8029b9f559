//! Verification keys, prepared: each is bound to the one algorithm it is for, so a
//! token's header can select among keys and never change what a key is used for.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};

use super::super::ValidateError;
use super::jws::{UNFIT_ALGORITHM, UnverifiedJws};
use crate::domain::SecretString;

/// The smallest accepted RSA modulus, in bits (RFC 7518 section 3.3).
const MIN_RSA_BITS: usize = 2048;

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

/// A public key as PEM or JWK state it.
pub(super) enum PublicKey {
    /// DER of an `RSAPublicKey`, or modulus and exponent.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// An uncompressed point.
    Ec(Vec<u8>),
    /// The 32 bytes of an Ed25519 key.
    Ed(Vec<u8>),
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

impl PublicKey {
    /// Reads one `PUBLIC KEY` or `RSA PUBLIC KEY` block.
    ///
    /// # Errors
    /// A text; private keys and certificates are refused.
    pub(super) fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(pem).map_err(|_| "is not PEM".to_owned())?;
        if text.contains("PRIVATE KEY-----") || text.contains("CERTIFICATE-----") {
            return Err(
                "must hold a public key, neither a private one nor a certificate".to_owned()
            );
        }
        let bytes = |key: DecodingKey| key.try_get_as_bytes().map(<[u8]>::to_vec).ok();
        if let Some(point) = DecodingKey::from_ec_pem(pem).ok().and_then(bytes) {
            return Ok(Self::Ec(point));
        }
        if let Some(key) = DecodingKey::from_ed_pem(pem).ok().and_then(bytes) {
            return Ok(Self::Ed(key));
        }
        let der = DecodingKey::from_rsa_pem(pem).ok().and_then(bytes);
        let key = der.and_then(|der| aws_lc_rs::rsa::PublicKey::from_der(&der).ok());
        let key = key.ok_or("is not the PEM of an RSA, P-256, P-384 or Ed25519 public key")?;
        let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(&key);
        Ok(Self::Rsa { n, e })
    }

    /// The key prepared for `algorithm`; `None` when it is a key of another type.
    fn parsed(&self, algorithm: Algorithm) -> Option<Result<ParsedPublicKey, String>> {
        let broken = |_| "key is broken".to_owned();
        match (self, algorithm) {
            (Self::Rsa { n, e }, _) if algorithm.family() == AlgorithmFamily::Rsa => {
                Some(rsa(n, e, rsa_parameters(algorithm)?))
            }
            (Self::Ec(p), Algorithm::ES256) if p.len() == 65 => {
                Some(ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, p).map_err(broken))
            }
            (Self::Ec(p), Algorithm::ES384) if p.len() == 97 => {
                Some(ParsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, p).map_err(broken))
            }
            (Self::Ed(key), Algorithm::EdDSA) => {
                Some(ParsedPublicKey::new(&signature::ED25519, key).map_err(broken))
            }
            _ => None,
        }
    }
}

fn rsa(n: &[u8], e: &[u8], parameters: &'static RsaParameters) -> Result<ParsedPublicKey, String> {
    let strip = |bytes: &[u8]| bytes.iter().copied().skip_while(|&b| b == 0).collect::<Vec<u8>>();
    let (n, e) = (strip(n), strip(e));
    let bits = n.first().map_or(0, |top| n.len() * 8 - top.leading_zeros() as usize);
    if bits < MIN_RSA_BITS {
        return Err(format!("RSA key must have at least {MIN_RSA_BITS} bits"));
    }
    RsaPublicKeyComponents { n, e }
        .to_parsed_public_key(parameters)
        .map_err(|_| "key is broken".to_owned())
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}
