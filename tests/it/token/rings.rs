//! Keys that Cambio makes: kept, sealed, shared by nodes that start together.

use std::sync::Arc;

use cambio::domain::{SecretBytes, SystemRandom, TenantId};
use cambio::token::{Sealing, SessionTokens};
use serde_json::json;

use super::{MemoryKeys, NOW, ada, sample_session, session_in, site_in, tenant};

const ISSUER: &str = "https://id.example.com";

fn sealing(byte: u8) -> Sealing {
    Sealing::new(Some(SecretBytes::new(vec![byte; 32]))).unwrap()
}

fn nagra() -> TenantId {
    tenant("nagra")
}

fn verifies(tokens: &SessionTokens, token: &str) -> bool {
    tokens.verify_access(token, &nagra(), NOW).is_ok()
}

#[tokio::test]
async fn keys_are_made_once_and_kept() {
    let store: Arc<MemoryKeys> = Arc::default();
    let first = session_in(&store, &sealing(1), json!({})).await.unwrap();
    let again = session_in(&store, &sealing(1), json!({})).await.unwrap();
    let pair = first.mint_pair(&sample_session(), NOW);
    assert!(verifies(&again, &pair.access_token));
    assert_eq!(again.mint_pair(&sample_session(), NOW).access_token, pair.access_token);
    let rings = store.0.lock().unwrap();
    assert_eq!(rings.keys().collect::<Vec<_>>(), ["nagra/session"]);
    assert_eq!(rings["nagra/session"].version, 1);
}

#[tokio::test]
async fn a_generated_key_id_of_the_ags_profile_is_six_digits() {
    let tokens = session_in(&Arc::default(), &sealing(1), json!({})).await.unwrap();
    let pair = tokens.mint_pair(&sample_session(), NOW);
    let kid = jsonwebtoken::decode_header(&pair.access_token).unwrap().kid.unwrap();
    assert_eq!(kid.len(), 6);
    assert!(kid.bytes().all(|b| b.is_ascii_digit()) && !kid.starts_with('0'), "{kid}");
}

#[tokio::test]
async fn both_endpoints_have_rings_of_their_own() {
    let store: Arc<MemoryKeys> = Arc::default();
    let site = site_in(&store, &sealing(1), json!({"issuer": ISSUER})).await.unwrap();
    session_in(&store, &sealing(1), json!({})).await.unwrap();
    let mut names: Vec<_> = store.0.lock().unwrap().keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["community/site", "nagra/session"]);
    assert!(site.mint(&ada(), NOW, &SystemRandom).is_ok());
}

#[tokio::test]
async fn a_new_algorithm_retires_the_old_key_which_goes_on_verifying() {
    let store: Arc<MemoryKeys> = Arc::default();
    let settings = |alg| json!({"profile": "standard", "issuer": ISSUER, "algorithm": alg});
    let old = session_in(&store, &sealing(1), settings("ES256")).await.unwrap();
    let new = session_in(&store, &sealing(1), settings("EdDSA")).await.unwrap();
    let pair = old.mint_pair(&sample_session(), NOW);
    assert!(verifies(&new, &pair.access_token));
    let pair = new.mint_pair(&sample_session(), NOW);
    let header = jsonwebtoken::decode_header(&pair.access_token).unwrap();
    assert_eq!(header.alg, jsonwebtoken::Algorithm::EdDSA);
    assert_eq!(new.public_keys().len(), 2);
}

#[tokio::test]
async fn a_ring_stays_bounded_however_often_the_algorithm_changes() {
    let store: Arc<MemoryKeys> = Arc::default();
    for alg in ["ES256", "EdDSA"].iter().cycle().take(40) {
        let settings = json!({"profile": "standard", "issuer": ISSUER, "algorithm": alg});
        let tokens = session_in(&store, &sealing(1), settings).await.unwrap();
        assert!(tokens.public_keys().len() <= 16);
        assert!(verifies(&tokens, &tokens.mint_pair(&sample_session(), NOW).access_token));
    }
}

#[tokio::test]
async fn nodes_that_start_together_agree_on_one_key() {
    let store: Arc<MemoryKeys> = Arc::default();
    let mut nodes = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let store = store.clone();
        nodes.spawn(async move { session_in(&store, &sealing(1), json!({})).await.unwrap() });
    }
    let nodes = nodes.join_all().await;
    let token = nodes[0].mint_pair(&sample_session(), NOW).access_token;
    assert!(nodes.iter().all(|node| verifies(node, &token)));
    assert_eq!(store.0.lock().unwrap()["nagra/session"].version, 1);
}

#[tokio::test]
async fn a_lost_race_takes_the_winners_key() {
    let store: Arc<MemoryKeys> = Arc::default();
    let winner = session_in(&store, &sealing(1), json!({})).await.unwrap();
    let ring = store.0.lock().unwrap().clone();
    let late = Arc::new(LateStore { inner: MemoryKeys(ring.into()), looked: false.into() });
    let mut problems = cambio::domain::setting::Problems::default();
    let sealing = sealing(1);
    let cx = cambio::token::KeyCx {
        store: late,
        sealing: &sealing,
        random: Arc::new(SystemRandom),
        now: NOW,
    };
    let settings = super::settings(json!({})).unwrap();
    let loser = settings.session("tokens", &nagra(), &cx, &mut problems).await.unwrap();
    let token = winner.mint_pair(&sample_session(), NOW).access_token;
    assert!(verifies(&loser, &token));
}

/// A store that says at first that there is no ring, as it was a moment ago.
#[derive(Debug)]
struct LateStore {
    inner: MemoryKeys,
    looked: std::sync::atomic::AtomicBool,
}

#[async_trait::async_trait]
impl cambio::session::KeyStore for LateStore {
    async fn load_keys(
        &self,
        name: &str,
    ) -> Result<Option<cambio::session::Versioned>, cambio::session::StoreError> {
        if self.looked.swap(true, std::sync::atomic::Ordering::SeqCst) {
            self.inner.load_keys(name).await
        } else {
            Ok(None)
        }
    }

    async fn swap_keys(
        &self,
        name: &str,
        expected: u64,
        bytes: &[u8],
    ) -> Result<bool, cambio::session::StoreError> {
        self.inner.swap_keys(name, expected, bytes).await
    }
}

#[tokio::test]
async fn no_secret_lies_in_the_store_in_the_clear() {
    let store: Arc<MemoryKeys> = Arc::default();
    session_in(&store, &sealing(1), json!({})).await.unwrap();
    let bytes = store.0.lock().unwrap()["nagra/session"].bytes.clone();
    assert!(!String::from_utf8_lossy(&bytes).contains("private"));
}

#[tokio::test]
async fn a_ring_that_cannot_be_opened_is_a_clear_problem_and_is_not_replaced() {
    let store: Arc<MemoryKeys> = Arc::default();
    session_in(&store, &sealing(1), json!({})).await.unwrap();
    let none = || Sealing::new(None).unwrap();
    for (sealing, text) in [
        (sealing(2), "key ring cannot be opened: wrong key-encryption key or damaged document"),
        (none(), "key ring is sealed and no keys.encryption_key is configured"),
    ] {
        let problems = session_in(&store, &sealing, json!({})).await.expect_err("refused");
        assert_eq!(problems, [format!("tokens.keys: {text}")]);
    }
    assert_eq!(store.0.lock().unwrap()["nagra/session"].version, 1);

    let plain: Arc<MemoryKeys> = Arc::default();
    session_in(&plain, &none(), json!({})).await.unwrap();
    let problems = session_in(&plain, &sealing(1), json!({})).await.expect_err("refused");
    assert!(problems[0].contains("not sealed although"), "{problems:?}");
}

#[tokio::test]
async fn a_damaged_ring_is_a_clear_problem_that_quotes_nothing() {
    for (body, text) in [
        (r#"{"version":1,"keys":[]}"#, "wrong number of keys"),
        (r#"{"version":2,"keys":[]}"#, "of another version"),
        (r#"{"version":1,"keys":[],"extra":"hunter2"}"#, "not a ring document"),
        ("hunter2", "not a ring document"),
    ] {
        let store: Arc<MemoryKeys> = Arc::default();
        let bytes = [b"CKR1p", body.as_bytes()].concat();
        let ring = cambio::session::Versioned { version: 1, bytes };
        store.0.lock().unwrap().insert("nagra/session".to_owned(), ring);
        let sealing = Sealing::new(None).unwrap();
        let problems = session_in(&store, &sealing, json!({})).await.expect_err("refused");
        assert_eq!(problems, [format!("tokens.keys: key ring is damaged: {text}")]);
    }
}
