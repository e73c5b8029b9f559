//! Public keys as PEM or JWK state them, and prepared for one algorithm. jsonwebtoken reads
//! the PEM; the prepared keys are aws-lc-rs's, which parse once and not at every check.

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};

/// The smallest accepted RSA modulus, in bits (RFC 7518 section 3.3).
const MIN_RSA_BITS: usize = 2048;

/// A public key as PEM or JWK state it.
pub(super) enum PublicKey {
    /// Modulus and exponent, big-endian.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// An uncompressed point.
    Ec(Vec<u8>),
    /// The 32 bytes of an Ed25519 key.
    Ed(Vec<u8>),
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
    pub(super) fn parsed(&self, algorithm: Algorithm) -> Option<Result<ParsedPublicKey, String>> {
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
