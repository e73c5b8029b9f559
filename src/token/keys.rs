//! Private key material: made, written as PEM and read from it. `ring.rs` keeps it,
//! `imported.rs` takes it from the configuration, `cambio keys generate` prints it.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use zeroize::{Zeroize as _, Zeroizing};

use super::prepared::PreparedKey;
use super::{Algorithm, Jwk, KeyError};
use crate::domain::{KeyId, Random, SecretBytes, SecretString};

/// A fresh key, for an operator to keep.
#[derive(Debug)]
pub struct GeneratedKey {
    /// Its name: the thumbprint of an asymmetric key, a UUID for a shared secret.
    pub kid: KeyId,
    /// Its algorithm.
    pub alg: Algorithm,
    /// PKCS#8 in PEM format, or the secret's bytes in base64url (`secret_base64` in the
    /// configuration).
    pub private: SecretString,
    /// The public half; `None` for a shared secret.
    pub public: Option<Jwk>,
}

/// Generates a key. Secrets come from `random`; key pairs from the generator of aws-lc-rs.
///
/// # Errors
/// [`KeyError::Generation`].
pub fn generate(alg: Algorithm, random: &dyn Random) -> Result<GeneratedKey, KeyError> {
    let material = generate_material(alg, random)?;
    let kid = fresh_kid(alg, &material, random)?;
    let public = PreparedKey::new(kid.clone(), alg, &material, false)?.jwk();
    let private = if alg.is_symmetric() {
        SecretString::new(URL_SAFE_NO_PAD.encode(material.expose()))
    } else {
        pem(&material)
    };
    Ok(GeneratedKey { kid, alg, private, public })
}

/// Fresh material: a secret as long as the MAC, or a PKCS#8 document. RSA keys have 2048 bits.
pub(super) fn generate_material(
    alg: Algorithm,
    random: &dyn Random,
) -> Result<SecretBytes, KeyError> {
    let der = match alg {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
            let mut secret = vec![0; alg.mac_len().unwrap_or(64)];
            random.fill(&mut secret);
            return Ok(SecretBytes::new(secret));
        }
        Algorithm::ES256 => ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::ES384 => ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::EdDSA => Ed25519KeyPair::generate()
            .and_then(|pair| pair.to_pkcs8v1())
            .map(|der| SecretBytes::new(der.as_ref().to_vec())),
        Algorithm::RS256 | Algorithm::PS256 => RsaKeyPair::generate(KeySize::Rsa2048)
            .and_then(|pair| pair.as_der())
            .map(|der| SecretBytes::new(der.as_ref().to_vec())),
    };
    der.map_err(|_| KeyError::Generation)
}

fn ec(alg: &'static EcdsaSigningAlgorithm) -> Result<SecretBytes, aws_lc_rs::error::Unspecified> {
    let der = EcdsaKeyPair::generate(alg)?.to_pkcs8v1()?;
    Ok(SecretBytes::new(der.as_ref().to_vec()))
}

/// The name of a key that Cambio makes: its thumbprint, or a random UUID for a secret.
pub(super) fn fresh_kid(
    alg: Algorithm,
    material: &SecretBytes,
    random: &dyn Random,
) -> Result<KeyId, KeyError> {
    if alg.is_symmetric() {
        KeyId::parse(&random.uuid().to_string()).map_err(|_| KeyError::Generation)
    } else {
        thumbprint_kid(alg, material)
    }
}

/// The thumbprint of an asymmetric key: the same key has the same name everywhere.
pub(super) fn thumbprint_kid(alg: Algorithm, material: &SecretBytes) -> Result<KeyId, KeyError> {
    let unnamed = KeyId::parse("unnamed").map_err(|_| KeyError::Generation)?;
    let jwk = PreparedKey::new(unnamed, alg, material, false)?.jwk();
    let thumbprint = jwk.ok_or(KeyError::Rejected(alg))?.thumbprint();
    KeyId::parse(&thumbprint).map_err(|_| KeyError::Generation)
}

/// The DER document of the one private key in a PEM text.
///
/// # Errors
/// [`KeyError::NotPem`].
pub(super) fn from_pem(text: &SecretString) -> Result<SecretBytes, KeyError> {
    let mut key =
        PrivateKeyDer::from_pem_slice(text.expose().as_bytes()).map_err(|_| KeyError::NotPem)?;
    let material = SecretBytes::new(key.secret_der().to_vec());
    key.zeroize();
    Ok(material)
}

/// A PKCS#8 document as PEM (RFC 7468 section 10).
fn pem(der: &SecretBytes) -> SecretString {
    let body = Zeroizing::new(STANDARD.encode(der.expose()));
    let mut text = String::with_capacity(body.len() + body.len() / 64 + 64);
    text.push_str("-----BEGIN PRIVATE KEY-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    text.push_str("-----END PRIVATE KEY-----\n");
    SecretString::new(text)
}
