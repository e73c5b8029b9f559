//! Settings: what is refused, with every problem under its key; keys that the operator brings.

use std::sync::Arc;

use cambio::domain::SystemRandom;
use cambio::token::{Algorithm, Sealing, generate};
use serde_json::{Value, json};

use super::{MemoryKeys, NOW, ada, sample_session, session_in, site, site_in, tenant};

const ISSUER: &str = "https://id.example.com";

async fn site_problems(value: Value) -> Vec<String> {
    let sealing = Sealing::new(None).unwrap();
    site_in(&Arc::default(), &sealing, value).await.expect_err("refused")
}

async fn session_problems(value: Value) -> Vec<String> {
    let sealing = Sealing::new(None).unwrap();
    session_in(&Arc::default(), &sealing, value).await.expect_err("refused")
}

fn secret(len: usize) -> String {
    "k".repeat(len)
}

#[tokio::test]
async fn all_problems_are_reported_at_once_under_their_keys() {
    let problems = session_problems(json!({
        "profile": "ags", "algorithm": "ES256", "issuer": ISSUER, "ttl": "1h", "scope": "a",
        "access_ttl": "3days", "fixed_ttl": 0, "keys": [],
    }))
    .await;
    let mut paths: Vec<_> = problems.iter().filter_map(|p| p.split(": ").next()).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(
        paths,
        [
            "tokens.access_ttl",
            "tokens.algorithm",
            "tokens.fixed_ttl",
            "tokens.issuer",
            "tokens.keys",
            "tokens.refresh_ttl",
            "tokens.scope",
            "tokens.ttl",
        ]
    );
}

#[tokio::test]
async fn each_profile_has_its_algorithms() {
    for alg in ["HS256", "ES256"] {
        let problems = site_problems(json!({"issuer": ISSUER, "algorithm": alg})).await;
        assert_eq!(problems, ["tokens.algorithm: profile answerhub signs with HS512 only"]);
    }
    let problems = session_problems(json!({"algorithm": "HS512"})).await;
    assert_eq!(problems, ["tokens.algorithm: profile ags signs with HS256 only"]);
    let shared = json!({"profile": "standard", "issuer": ISSUER, "algorithm": "HS256"});
    assert_eq!(session_problems(shared).await.len(), 1);
    let none = json!({"profile": "standard", "issuer": ISSUER, "algorithm": "none"});
    assert!(session_problems(none).await[0].starts_with("tokens.algorithm: unknown variant"));
    assert!(site_problems(json!({"profile": "ags"})).await[0].starts_with("tokens.profile"));
    assert!(
        session_problems(json!({"profile": "answerhub"})).await[0].starts_with("tokens.profile")
    );
}

#[tokio::test]
async fn a_weak_secret_is_refused_unless_the_operator_insists() {
    let keys = |len: usize, insist: bool| {
        let key =
            json!({"kid": "1", "secret": secret(len), "sign": true, "allow_short_secret": insist});
        json!({"keys": [key]})
    };
    let problems = session_problems(keys(31, false)).await;
    assert_eq!(problems, ["tokens.keys.0.secret: secret has 31 bytes, HS256 needs 32"]);
    let problems = session_problems(keys(15, true)).await;
    assert_eq!(problems, ["tokens.keys.0.secret: secret has 15 bytes, HS256 needs 16"]);
    let sealing = Sealing::new(None).unwrap();
    assert!(session_in(&Arc::default(), &sealing, keys(16, true)).await.is_ok());
    assert!(session_in(&Arc::default(), &sealing, keys(32, false)).await.is_ok());
}

#[tokio::test]
async fn imported_keys_are_checked_one_by_one() {
    let keys = |keys: Value| json!({"keys": keys});
    for (bad, path) in [
        (json!([{"secret": secret(32), "sign": true}]), "tokens.keys.0.kid"),
        (json!([{"kid": "a/b", "secret": secret(32), "sign": true}]), "tokens.keys.0.kid"),
        (json!([{"kid": "1", "secret": secret(32)}]), "tokens.keys"),
        (json!([{"kid": "1", "sign": true}]), "tokens.keys.0.secret"),
        (json!([{"kid": "1", "pem": "x", "sign": true}]), "tokens.keys.0.secret"),
        (
            json!([{"kid": "1", "secret": "x", "secret_base64": "x", "sign": true}]),
            "tokens.keys.0.secret",
        ),
        (json!([{"kid": "1", "secret_base64": "*", "sign": true}]), "tokens.keys.0.secret_base64"),
        (
            json!([{"kid": "1", "secret": secret(32), "sign": true, "algorithm": "HS512"}]),
            "tokens.keys.0.algorithm",
        ),
        (
            json!([{"kid": "1", "secret": {"file": "/nonexistent"}, "sign": true}]),
            "tokens.keys.0.secret",
        ),
        (
            json!([{"kid": "1", "secret": secret(32), "sign": true}, {"kid": "1", "secret": secret(33)}]),
            "tokens.keys.1.kid",
        ),
        (
            json!([{"kid": "1", "secret": secret(32), "sign": true}, {"kid": "2", "secret": secret(33), "sign": true}]),
            "tokens.keys",
        ),
    ] {
        let problems = session_problems(keys(bad.clone())).await;
        assert!(problems[0].starts_with(&format!("{path}: ")), "{bad}: {problems:?}");
        assert!(problems.iter().all(|p| !p.contains("kkkk")), "a problem quotes a secret");
    }
}

#[tokio::test]
async fn a_pem_of_another_kind_or_strength_is_refused() {
    let ed25519 = generate(Algorithm::EdDSA, &SystemRandom).unwrap();
    let p384 = generate(Algorithm::ES384, &SystemRandom).unwrap();
    let weak = include_str!("../../data/rsa_1024_test_only.pem");
    for (alg, pem) in [
        ("ES256", ed25519.private.expose()),
        ("ES256", p384.private.expose()),
        ("RS256", p384.private.expose()),
        ("EdDSA", p384.private.expose()),
        ("RS256", weak),
        ("PS256", weak),
        ("ES256", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        ("ES256", "x"),
    ] {
        let keys = json!([{"pem": pem, "sign": true}]);
        let problems = site_problems(
            json!({"profile": "standard", "issuer": ISSUER, "algorithm": alg, "keys": keys}),
        )
        .await;
        assert!(problems[0].starts_with("tokens.keys.0.pem: "), "{alg}: {problems:?}");
    }
}

#[tokio::test]
async fn imported_keys_are_never_stored_and_old_ones_go_on_verifying() {
    let store: Arc<MemoryKeys> = Arc::default();
    let sealing = Sealing::new(None).unwrap();
    let old = json!({"keys": [{"kid": "1", "secret": secret(32), "sign": true}]});
    let both = json!({"keys": [
        {"kid": "1", "secret": secret(32)}, {"kid": "2", "secret": secret(40), "sign": true},
    ]});
    let before = session_in(&store, &sealing, old).await.unwrap();
    let after = session_in(&store, &sealing, both).await.unwrap();
    let pair = before.mint_pair(&sample_session(), NOW);
    assert!(after.verify_access(&pair.access_token, &tenant("nagra"), NOW).is_ok());
    let pair = after.mint_pair(&sample_session(), NOW);
    assert!(before.verify_access(&pair.access_token, &tenant("nagra"), NOW).is_err());
    assert!(store.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn keys_without_ids_are_tried_one_after_the_other() {
    let keys = |first: usize, second: usize| {
        json!({"issuer": ISSUER, "keys": [
            {"secret": secret(first), "sign": true}, {"secret": secret(second)},
        ]})
    };
    let (a, b) = (site(keys(64, 65)).await, site(keys(65, 64)).await);
    let token = a.mint(&ada(), NOW, &SystemRandom).unwrap().token;
    assert!(b.verify(&token, NOW).is_ok());
    let stranger = site(keys(66, 67)).await;
    assert!(stranger.verify(&token, NOW).is_err());
}
