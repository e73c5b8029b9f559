//! The token part through its public API: what an independent library says of the tokens,
//! what an attacker can do to them, and how keys live.

mod algorithms;
mod attacks;
mod imported_keys;
mod minting;
mod rings;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use cambio::account::Account;
use cambio::domain::setting::{self, Problems};
use cambio::domain::{
    AccountId, DeviceId, ServiceName, Subject, SystemRandom, TenantId, Timestamp, Verified,
};
use cambio::session::{Facts, KeyStore, Session, SessionId, StoreError, Versioned};
use cambio::token::{KeyCx, Sealing, SessionTokens, SiteTokens, TokenSettings};
use serde_json::Value;

/// When the tests happen: the vendor's sample tokens were issued then.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_654_873_493);

/// A key store in memory.
#[derive(Debug, Default)]
pub(crate) struct MemoryKeys(pub(crate) Mutex<HashMap<String, Versioned>>);

#[async_trait]
impl KeyStore for MemoryKeys {
    async fn load_keys(&self, name: &str) -> Result<Option<Versioned>, StoreError> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    async fn swap_keys(&self, name: &str, expected: u64, bytes: &[u8]) -> Result<bool, StoreError> {
        let mut rings = self.0.lock().unwrap();
        if rings.get(name).map_or(0, |v| v.version) != expected {
            return Ok(false);
        }
        rings.insert(name.to_owned(), Versioned { version: expected + 1, bytes: bytes.to_vec() });
        Ok(true)
    }
}

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

/// The settings, or what is wrong with them as `path: message`.
pub(crate) fn settings(value: Value) -> Result<TokenSettings, Vec<String>> {
    let mut problems = Problems::default();
    let parsed = setting::parse(value, "tokens", &mut problems);
    parsed.ok_or_else(|| texts(problems))
}

pub(crate) fn texts(problems: Problems) -> Vec<String> {
    problems.into_vec().iter().map(ToString::to_string).collect()
}

pub(crate) async fn site_in(
    store: &Arc<MemoryKeys>,
    sealing: &Sealing,
    value: Value,
) -> Result<SiteTokens, Vec<String>> {
    let mut problems = Problems::default();
    let cx = KeyCx { store: store.clone(), sealing, random: Arc::new(SystemRandom), now: NOW };
    let settings = settings(value)?;
    let built = settings.site("tokens", &tenant("community"), &cx, &mut problems).await;
    built.ok_or_else(|| texts(problems))
}

pub(crate) async fn session_in(
    store: &Arc<MemoryKeys>,
    sealing: &Sealing,
    value: Value,
) -> Result<SessionTokens, Vec<String>> {
    let mut problems = Problems::default();
    let cx = KeyCx { store: store.clone(), sealing, random: Arc::new(SystemRandom), now: NOW };
    let settings = settings(value)?;
    let built = settings.session("tokens", &tenant("nagra"), &cx, &mut problems).await;
    built.ok_or_else(|| texts(problems))
}

/// With fresh keys, or the imported ones.
pub(crate) async fn site(value: Value) -> SiteTokens {
    site_in(&Arc::default(), &Sealing::new(None).unwrap(), value).await.unwrap()
}

/// With fresh keys, or the imported ones.
pub(crate) async fn session(value: Value) -> SessionTokens {
    session_in(&Arc::default(), &Sealing::new(None).unwrap(), value).await.unwrap()
}

/// The session that the vendor's sample tokens are of.
pub(crate) fn sample_session() -> Session {
    const JTI: u64 = 4_789_023_423_714_089_478;
    let account = Account::new(AccountId::parse("1663").unwrap(), "1663".to_owned());
    Session {
        id: SessionId { ends_at: Timestamp::from_secs(1_657_465_493), number: JTI >> 20 },
        tenant: tenant("nagra"),
        service: ServiceName::parse("Customer Auth Service").unwrap(),
        device: DeviceId::parse("PUB_989").unwrap(),
        device_class: None,
        upstream: None,
        begun_at: NOW,
        generation: u32::try_from(JTI & 0xf_ffff).unwrap(),
        issued_at: NOW,
        expires_at: Timestamp::from_secs(NOW.secs() + 172_800),
        facts: Facts { account, on_network: true, authenticated_at: NOW },
    }
}

pub(crate) fn ada() -> Verified {
    let mut who = Verified::subject_only(Subject::parse("ada").unwrap());
    who.roles = vec!["USE_API".to_owned()];
    who.user_id = Some("3f2b8c1e-6a57-4a4e-9d0b-0f4c9f1f2a11".to_owned());
    who
}
