//! The key ring that Cambio generates and keeps: one document per tenant and endpoint in
//! the session store, sealed, replaced by compare-and-swap so that nodes which start
//! together agree on one key. Called at boot by `settings.rs`; keys from the
//! configuration never come here.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use super::jws::MAX_KEYS;
use super::prepared::PreparedKey;
use super::{Algorithm, KeyCx, KeyError, Profile, SealingError, keys};
use crate::domain::{KeyId, Random, SecretBytes, Timestamp};
use crate::session::StoreError;

/// How often a lost race is tried again; each loss means that another node wrote the ring.
const ATTEMPTS: usize = 8;

/// The version of [`Document`] that this build reads and writes.
const VERSION: u32 = 1;

/// Why there is no key ring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RingError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Sealing(#[from] SealingError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("key ring is damaged: {0}")]
    Damaged(&'static str),
    #[error("key ring keeps changing while it is written")]
    Contended,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    keys: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    kid: KeyId,
    alg: Algorithm,
    status: Status,
    created_at: Timestamp,
    private: Material,
}

/// What a key is for. A published key that does not sign yet would be a third status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// It signs; exactly one does.
    Active,
    /// It only verifies what it signed.
    Retired,
}

/// Private material as base64 text.
struct Material(SecretBytes);

impl Serialize for Material {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&Zeroizing::new(STANDARD.encode(self.0.expose())))
    }
}

impl<'de> Deserialize<'de> for Material {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(d)?;
        let bytes = STANDARD.decode(text).map_err(|_| serde::de::Error::custom("not base64"))?;
        Ok(Self(SecretBytes::new(bytes)))
    }
}

/// The ring of this name with an active key for `alg`, made if need be: the active key
/// first, then the retired ones that fit the profile.
pub(super) async fn load_or_make(
    name: &str,
    profile: Profile,
    alg: Algorithm,
    cx: &KeyCx<'_>,
) -> Result<Vec<Arc<PreparedKey>>, RingError> {
    for _ in 0..ATTEMPTS {
        let stored = cx.store.load_keys(name).await?;
        let (version, mut document) = match stored {
            Some(stored) => (stored.version, read(name, &stored.bytes, cx)?),
            None => (0, Document { version: VERSION, keys: Vec::new() }),
        };
        if document.keys.iter().any(|k| k.status == Status::Active && k.alg == alg) {
            return prepare(&document, profile);
        }
        add_active(&mut document, profile, alg, &*cx.random, cx.now)?;
        let bytes = cx.sealing.seal(name, &write(&document), &*cx.random);
        if cx.store.swap_keys(name, version, &bytes).await? {
            return prepare(&document, profile);
        }
    }
    Err(RingError::Contended)
}

fn read(name: &str, bytes: &[u8], cx: &KeyCx<'_>) -> Result<Document, RingError> {
    let plain = cx.sealing.open(name, bytes)?;
    // The texts of serde_json may quote the document.
    let document: Document =
        serde_json::from_slice(&plain).map_err(|_| RingError::Damaged("not a ring document"))?;
    if document.version != VERSION {
        return Err(RingError::Damaged("of another version"));
    }
    let active = document.keys.iter().filter(|k| k.status == Status::Active).count();
    if active != 1 || document.keys.len() > MAX_KEYS {
        return Err(RingError::Damaged("wrong number of keys"));
    }
    let twice = |(i, key): (usize, &Entry)| document.keys[..i].iter().any(|k| k.kid == key.kid);
    if document.keys.iter().enumerate().any(twice) {
        return Err(RingError::Damaged("two keys of one name"));
    }
    Ok(document)
}

fn write(document: &Document) -> Zeroizing<Vec<u8>> {
    // Room for RSA keys, so that no secret stays behind in a buffer that was outgrown.
    let mut plain = Zeroizing::new(Vec::with_capacity(1024 + 8192 * document.keys.len()));
    #[expect(clippy::expect_used, reason = "the document's types always serialise")]
    serde_json::to_writer(&mut *plain, document).expect("a ring document serialises");
    plain
}

/// Retires the active key and adds a fresh one; the oldest retired one goes when the ring is full.
fn add_active(
    document: &mut Document,
    profile: Profile,
    alg: Algorithm,
    random: &dyn Random,
    now: Timestamp,
) -> Result<(), KeyError> {
    for key in &mut document.keys {
        key.status = Status::Retired;
    }
    document.keys.truncate(MAX_KEYS - 1);
    let material = keys::generate_material(alg, random)?;
    let kid = match profile {
        Profile::Ags => free_digits(document, random)?,
        Profile::Answerhub | Profile::Standard => keys::fresh_kid(alg, &material, random)?,
    };
    let private = Material(material);
    document.keys.insert(0, Entry { kid, alg, status: Status::Active, created_at: now, private });
    Ok(())
}

/// Six decimal digits, like the vendor's own key ids, that the ring does not use yet.
fn free_digits(document: &Document, random: &dyn Random) -> Result<KeyId, KeyError> {
    let start = random.u64() % 900_000;
    (0..=MAX_KEYS as u64)
        .map(|i| (100_000 + (start + i) % 900_000).to_string())
        .find(|digits| document.keys.iter().all(|k| k.kid.as_str() != digits))
        .and_then(|digits| KeyId::parse(&digits).ok())
        .ok_or(KeyError::Generation)
}

fn prepare(document: &Document, profile: Profile) -> Result<Vec<Arc<PreparedKey>>, RingError> {
    let mut keys = Vec::with_capacity(document.keys.len());
    for entry in document.keys.iter().filter(|k| profile.allows(k.alg)) {
        let key = PreparedKey::new(entry.kid.clone(), entry.alg, &entry.private.0, false)?;
        let first = if entry.status == Status::Active { 0 } else { keys.len() };
        keys.insert(first, Arc::new(key));
    }
    Ok(keys)
}
