//! Keys that the operator brings, so that verifiers which already hold a vendor's secret
//! go on working. They stay where the configuration says and are never stored.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::jws::MAX_KEYS;
use super::prepared::PreparedKey;
use super::{Algorithm, KeyError, Profile, keys};
use crate::domain::setting::{Problems, SecretSource, join};
use crate::domain::{KeyId, SecretBytes};

/// One entry of `keys`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportedKey {
    /// Header `kid`. Needed in the `ags` profile; the thumbprint by default in `standard`;
    /// not written in `answerhub`.
    #[serde(default)]
    pub kid: Option<KeyId>,
    /// A shared secret: the UTF-8 bytes of the text are the key.
    #[serde(default)]
    pub secret: Option<SecretSource>,
    /// A shared secret in base64 or base64url, as `cambio keys generate` prints it.
    #[serde(default)]
    pub secret_base64: Option<SecretSource>,
    /// A private key in PEM format (PKCS#8, SEC1 or PKCS#1).
    #[serde(default)]
    pub pem: Option<SecretSource>,
    /// Its algorithm; by default the endpoint's.
    #[serde(default)]
    pub algorithm: Option<Algorithm>,
    /// Whether it signs. Exactly one does, the others only verify.
    #[serde(default)]
    pub sign: bool,
    /// Accepts a secret shorter than the algorithm's hash, from 16 bytes on.
    #[serde(default)]
    pub allow_short_secret: bool,
}

/// Reads the keys, the one that signs first, noting every problem under `path`.
pub(super) fn load(
    imported: &[ImportedKey],
    profile: Profile,
    default: Algorithm,
    path: &str,
    problems: &mut Problems,
) -> Option<Vec<Arc<PreparedKey>>> {
    let before = problems.len();
    if imported.iter().filter(|k| k.sign).count() != 1 {
        problems.push(path, "exactly one key must have sign = true");
    }
    if imported.len() > MAX_KEYS {
        problems.push(path, format!("at most {MAX_KEYS} keys"));
    }
    let mut keys: Vec<Arc<PreparedKey>> = Vec::with_capacity(imported.len());
    for (i, entry) in imported.iter().take(MAX_KEYS).enumerate() {
        let path = join(path, &i.to_string());
        let Some(key) = prepare(entry, i, profile, default, &path, problems) else { continue };
        if keys.iter().any(|k| k.kid == key.kid) {
            problems.push(join(&path, "kid"), "two keys have this id");
        }
        keys.insert(if entry.sign { 0 } else { keys.len() }, Arc::new(key));
    }
    (problems.len() == before).then_some(keys)
}

fn prepare(
    entry: &ImportedKey,
    index: usize,
    profile: Profile,
    default: Algorithm,
    path: &str,
    problems: &mut Problems,
) -> Option<PreparedKey> {
    let alg = entry.algorithm.unwrap_or(default);
    if !profile.allows(alg) {
        problems.push(join(path, "algorithm"), profile.algorithm_rule());
        return None;
    }
    let (at, material) = match material(entry, alg) {
        Ok(read) => read,
        Err((at, message)) => {
            problems.push(join(path, at), message);
            return None;
        }
    };
    let at = join(path, at);
    let kid = match (&entry.kid, profile) {
        (Some(kid), _) => kid.clone(),
        (None, Profile::Standard) => problems.ok(&at, keys::thumbprint_kid(alg, &material))?,
        (None, Profile::Answerhub) => problems.ok(path, KeyId::parse(&format!("key-{index}")))?,
        (None, Profile::Ags) => {
            problems.push(join(path, "kid"), "is missing");
            return None;
        }
    };
    problems.ok(&at, PreparedKey::new(kid, alg, &material, entry.allow_short_secret))
}

/// The material and the setting that it comes from.
fn material(
    entry: &ImportedKey,
    alg: Algorithm,
) -> Result<(&'static str, SecretBytes), (&'static str, String)> {
    let bad = |at: &'static str| move |message: String| (at, message);
    match (&entry.secret, &entry.secret_base64, &entry.pem, alg.is_symmetric()) {
        (Some(secret), None, None, true) => {
            let text = secret.load().map_err(bad("secret"))?;
            Ok(("secret", SecretBytes::new(text.expose().as_bytes().to_vec())))
        }
        (None, Some(secret), None, true) => {
            let text = secret.load().map_err(bad("secret_base64"))?;
            let bytes = decode(text.expose())
                .ok_or(("secret_base64", "neither base64 nor base64url".to_owned()))?;
            Ok(("secret_base64", bytes))
        }
        (None, None, Some(pem), false) => {
            let text = pem.load().map_err(bad("pem"))?;
            let der = keys::from_pem(&text).map_err(|e: KeyError| ("pem", e.to_string()))?;
            Ok(("pem", der))
        }
        (_, _, _, true) => Err(("secret", format!("{alg} needs one of secret, secret_base64"))),
        (_, _, _, false) => Err(("pem", format!("{alg} needs a private key as pem alone"))),
    }
}

/// Either alphabet, with or without padding.
fn decode(text: &str) -> Option<SecretBytes> {
    let bare = text.trim_end_matches('=');
    let bytes = STANDARD_NO_PAD.decode(bare).or_else(|_| URL_SAFE_NO_PAD.decode(bare)).ok()?;
    Some(SecretBytes::new(bytes))
}
