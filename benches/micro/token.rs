//! Minting and verifying, for each profile and algorithm.
#![expect(clippy::unwrap_used, reason = "fixtures fail loudly")]

use std::hint::black_box;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use cambio::account::Account;
use cambio::domain::setting::Problems;
use cambio::domain::{
    AccountId, DeviceId, Random as _, ServiceName, Subject, SystemRandom, TenantId, Timestamp,
    Verified,
};
use cambio::session::{Facts, KeyStore, Session, SessionId, StoreError, Versioned};
use cambio::token::{KeyCx, Sealing, TokenSettings};
use criterion::Criterion;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const ISSUER: &str = "https://community.example.com";

/// A store that forgets: every build makes fresh keys.
#[derive(Debug)]
struct Forgetful;

#[async_trait]
impl KeyStore for Forgetful {
    async fn load_keys(&self, _: &str) -> Result<Option<Versioned>, StoreError> {
        Ok(None)
    }

    async fn swap_keys(&self, _: &str, _: u64, _: &[u8]) -> Result<bool, StoreError> {
        Ok(true)
    }
}

/// Adds the groups `token/floor`, `token/site` and `token/session`.
pub(crate) fn benches(c: &mut Criterion) {
    floor(c);
    site(c);
    session(c);
}

fn build<T>(value: Value, make: impl AsyncFnOnce(TokenSettings, &KeyCx<'_>) -> Option<T>) -> T {
    let sealing = Sealing::new(None).unwrap();
    let random = Arc::new(SystemRandom);
    let cx = KeyCx { store: Arc::new(Forgetful), sealing: &sealing, random, now: NOW };
    let settings = serde_json::from_value(value).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(make(settings, &cx)).unwrap()
}

/// What a site token cannot do without: the MAC over its text, and 16 random bytes.
fn floor(c: &mut Criterion) {
    let mut group = c.benchmark_group("token/floor");
    let key = hmac::Key::new(hmac::HMAC_SHA512, &[7; 64]);
    let message = [b'a'; 480];
    group.bench_function("HMAC-SHA512", |b| b.iter(|| hmac::sign(&key, black_box(&message))));
    group.bench_function("random", |b| {
        b.iter(|| {
            let mut bytes = [0; 16];
            SystemRandom.fill(&mut bytes);
            bytes
        });
    });
    group.finish();
}

fn profiles() -> Vec<(&'static str, Value)> {
    let standard = |alg| json!({"profile": "standard", "issuer": ISSUER, "algorithm": alg});
    let algorithms = ["ES256", "ES384", "EdDSA", "RS256", "PS256"];
    algorithms.into_iter().map(|alg| (alg, standard(alg))).collect()
}

fn site(c: &mut Criterion) {
    let tenant = TenantId::parse("community").unwrap();
    let mut who = Verified::subject_only(Subject::parse("ada.lovelace").unwrap());
    who.user_id = Some("3f2b8c1e-6a57-4a4e-9d0b-0f4c9f1f2a11".to_owned());
    who.roles = vec!["USE_API".to_owned(), "MODERATOR".to_owned()];
    let mut group = c.benchmark_group("token/site");
    for (name, settings) in [("HS512", json!({"issuer": ISSUER}))].into_iter().chain(profiles()) {
        let mut problems = Problems::default();
        let tokens = build(settings, async |settings, cx| {
            settings.site("tokens", &tenant, cx, &mut problems).await
        });
        let token = tokens.mint(&who, NOW, &SystemRandom).unwrap().token;
        group.bench_function(format!("{name}/mint"), |b| {
            b.iter(|| tokens.mint(&who, NOW, &SystemRandom).unwrap());
        });
        group.bench_function(format!("{name}/verify"), |b| {
            b.iter(|| tokens.verify(&token, NOW).unwrap());
        });
    }
    group.finish();
}

fn session(c: &mut Criterion) {
    let tenant = TenantId::parse("nagra").unwrap();
    let account = Account::new(AccountId::parse("1663").unwrap(), "1663".to_owned());
    let session = Session {
        id: SessionId { ends_at: Timestamp::from_secs(NOW.secs() + 2_592_000), number: 1 << 42 },
        tenant: tenant.clone(),
        service: ServiceName::parse("Customer Auth Service").unwrap(),
        device: DeviceId::parse("PUB_989").unwrap(),
        device_class: None,
        upstream: None,
        begun_at: NOW,
        generation: 1,
        issued_at: NOW,
        expires_at: Timestamp::from_secs(NOW.secs() + 172_800),
        facts: Facts { account, on_network: true, authenticated_at: NOW },
    };
    let mut group = c.benchmark_group("token/session");
    for (name, settings) in [("HS256", json!({}))].into_iter().chain(profiles()) {
        let mut problems = Problems::default();
        let tokens = build(settings, async |settings, cx| {
            settings.session("tokens", &tenant, cx, &mut problems).await
        });
        let pair = tokens.mint_pair(&session, NOW);
        group.bench_function(format!("{name}/mint_pair"), |b| {
            b.iter(|| tokens.mint_pair(&session, NOW));
        });
        group.bench_function(format!("{name}/verify_refresh"), |b| {
            b.iter(|| tokens.verify_refresh(&pair.refresh_token, &tenant, NOW).unwrap());
        });
    }
    group.finish();
}
