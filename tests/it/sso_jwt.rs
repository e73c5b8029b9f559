//! The `jwt` validator under attack, and its keys from files and URLs.

use std::sync::Arc;
use std::time::Duration;

use cambio::domain::Timestamp;
use cambio::sso::SsoValidator;
use cambio::support::Watcher;
use serde_json::{Value, json};

use crate::fake_upstream::{Behaviour, Upstream};
use crate::sso_fixtures::{
    NOW, SECRET, SigningKey, cx, cx_at, name, problem_paths, token, try_build, validator,
};

fn table(changes: Value) -> Value {
    let mut table = json!({"kind": "jwt", "algorithms": ["HS256"], "issuer": "https://idp",
        "audience": "cambio", "secret": SECRET});
    change(&mut table, changes);
    table
}

fn claims(changes: Value) -> Value {
    let mut claims =
        json!({"sub": "ann", "iss": "https://idp", "aud": "cambio", "exp": NOW.secs() + 60});
    change(&mut claims, changes);
    claims
}

/// `null` takes a member out.
fn change(table: &mut Value, changes: Value) {
    for (key, value) in changes.as_object().unwrap() {
        if value.is_null() {
            table.as_object_mut().unwrap().remove(key);
        } else {
            table[key] = value.clone();
        }
    }
}

async fn verdict(validator: &Arc<dyn SsoValidator>, text: &str) -> &'static str {
    name(&validator.validate(&token(text), &cx()).await)
}

fn file(content: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    file
}

#[tokio::test]
async fn a_hostile_header_is_rejected() {
    let v = validator(table(json!({"secret": null, "secrets": [
        {"kid": "k1", "secret": SECRET}, {"kid": "k2", "secret": SECRET.replace('0', "1")}]})));
    let key = SigningKey::hs256(SECRET);
    let good = json!({"alg": "HS256", "kid": "k1"});
    assert_eq!(verdict(&v, &key.sign(&good, &claims(json!({})))).await, "verified");
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "None"}),
        json!({"alg": ""}),
        json!({"alg": "hs256"}),
        json!({"alg": "HS512", "kid": "k1"}),
        json!({"alg": "RS256", "kid": "k1"}),
        json!({"alg": "HS256", "kid": "k2"}),
        json!({"alg": "HS256", "kid": "../../dev/null"}),
        json!({"alg": "HS256", "kid": "k1' UNION SELECT 'x"}),
        json!({"alg": "HS256", "kid": "k1\0"}),
        json!({"alg": "HS256", "kid": "k".repeat(600)}),
        json!({"alg": "HS256", "kid": "k1", "jku": "https://evil/jwks"}),
        json!({"alg": "HS256", "kid": "k1", "jku": null}),
        json!({"alg": "HS256", "kid": "k1", "x5u": "https://evil/cert"}),
        json!({"alg": "HS256", "kid": "k1", "x5c": ["MII"]}),
        json!({"alg": "HS256", "kid": "k1", "jwk": {"kty": "oct", "k": "AA"}}),
        json!({"alg": "HS256", "kid": "k1", "crit": ["b64"], "b64": false}),
    ] {
        let signed = key.sign(&header, &claims(json!({})));
        assert_eq!(verdict(&v, &signed).await, "rejected", "{header}");
    }
    // No signature at all, with and without the algorithm saying so.
    let unsigned = key.sign(&json!({"alg": "none"}), &claims(json!({})));
    let (unsigned, _) = unsigned.rsplit_once('.').unwrap();
    assert_eq!(verdict(&v, &format!("{unsigned}.")).await, "rejected");
    let stripped = key.sign(&good, &claims(json!({})));
    let (stripped, _) = stripped.rsplit_once('.').unwrap();
    assert_eq!(verdict(&v, &format!("{stripped}.")).await, "rejected");
}

#[tokio::test]
async fn a_header_of_the_wrong_shape_is_malformed() {
    let v = validator(table(json!({})));
    let key = SigningKey::hs256(SECRET);
    for header in
        [json!({}), json!([]), json!({"alg": 1}), json!({"alg": "HS256", "kid": 7}), json!("x")]
    {
        let signed = key.sign(&header, &claims(json!({})));
        assert_eq!(verdict(&v, &signed).await, "malformed", "{header}");
    }
    let doubled = key.sign_parts("eyJhbGciOiJIUzI1NiIsImFsZyI6Im5vbmUifQ", "e30");
    assert_eq!(verdict(&v, &doubled).await, "malformed");
    let listed = key.sign(&json!({"alg": "HS256"}), &json!([1]));
    assert_eq!(verdict(&v, &listed).await, "malformed");
}

#[tokio::test]
async fn claims_that_break_a_rule_are_rejected() {
    let v = validator(table(json!({"header_typ": "at+jwt", "claim_typ": "access"})));
    let key = SigningKey::hs256(SECRET);
    let sign = |typ: &str, changes: Value| {
        let mut all = claims(json!({"typ": "access"}));
        change(&mut all, changes);
        key.sign(&json!({"alg": "HS256", "typ": typ}), &all)
    };
    for (typ, changes) in [
        ("at+jwt", json!({})),
        ("application/AT+JWT", json!({})),
        ("at+jwt", json!({"aud": ["other", "cambio"]})),
        ("at+jwt", json!({"exp": NOW.secs() - 29, "iat": NOW.secs() + 30, "nbf": NOW.secs() + 30})),
    ] {
        assert_eq!(verdict(&v, &sign(typ, changes.clone())).await, "verified", "{typ} {changes}");
    }
    for changes in [
        json!({"exp": null}),
        json!({"exp": NOW.secs() - 30}),
        json!({"exp": NOW.secs() as f64 + 60.0}),
        json!({"exp": (NOW.secs() + 60).to_string()}),
        json!({"exp": -1}),
        json!({"exp": i64::MAX}),
        json!({"exp": u64::MAX}),
        json!({"exp": 1e300}),
        json!({"exp": [NOW.secs() + 60]}),
        json!({"nbf": NOW.secs() + 31}),
        json!({"nbf": "now"}),
        json!({"iat": NOW.secs() + 31}),
        json!({"iat": 0.5}),
        json!({"iss": null}),
        json!({"iss": "https://idp/"}),
        json!({"iss": ["https://idp"]}),
        json!({"aud": null}),
        json!({"aud": "other"}),
        json!({"aud": ["other"]}),
        json!({"aud": {"cambio": true}}),
        json!({"typ": "refresh"}),
        json!({"typ": null}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"roles": 7}),
    ] {
        assert_eq!(verdict(&v, &sign("at+jwt", changes.clone())).await, "rejected", "{changes}");
    }
    assert_eq!(verdict(&v, &sign("JWT", json!({}))).await, "rejected");
}

#[tokio::test]
async fn the_end_is_exp_and_never_in_the_past() {
    let v = validator(table(json!({})));
    let key = SigningKey::hs256(SECRET);
    for (exp, end) in [(60, 60), (1, 1), (0, 30), (-29, 1)] {
        let signed = key.sign(&json!({"alg": "HS256"}), &claims(json!({"exp": NOW.secs() + exp})));
        let who = v.validate(&token(&signed), &cx()).await.unwrap();
        assert_eq!(who.expires_at, Some(Timestamp::from_secs(NOW.secs() + end)), "{exp}");
    }
}

#[tokio::test]
async fn public_keys_verify_and_are_no_shared_secret() {
    for (key, algorithm) in [
        (SigningKey::rsa(), "RS256"),
        (SigningKey::es256(), "ES256"),
        (SigningKey::ed25519(), "EdDSA"),
    ] {
        let pem = file(&key.pem());
        let keys = json!({"secret": null, "algorithms": [algorithm],
            "pem": [{"file": pem.path(), "kid": "k1"}]});
        let v = validator(table(keys.clone()));
        let signed = key.sign(&json!({"alg": algorithm, "kid": "k1"}), &claims(json!({})));
        assert_eq!(verdict(&v, &signed).await, "verified", "{algorithm}");
        let other = key.sign(&json!({"alg": algorithm, "kid": "k2"}), &claims(json!({})));
        assert_eq!(verdict(&v, &other).await, "rejected", "{algorithm}");

        // The classic: HMAC with the public key's text.
        let confused = SigningKey::hs256(&key.pem());
        for alg in ["HS256", algorithm] {
            let forged = confused.sign(&json!({"alg": alg, "kid": "k1"}), &claims(json!({})));
            assert_eq!(verdict(&v, &forged).await, "rejected", "{alg}");
        }
        let mut with_hmac = table(keys);
        with_hmac["algorithms"] = json!([algorithm, "HS256"]);
        assert_eq!(problem_paths(with_hmac), ["v.algorithms"]);
    }
}

#[tokio::test]
async fn one_changed_bit_is_refused() {
    let key = SigningKey::es256();
    let pem = file(&key.pem());
    let v = validator(table(
        json!({"secret": null, "algorithms": ["ES256"], "pem": [{"file": pem.path()}]}),
    ));
    let signed = key.sign(&json!({"alg": "ES256"}), &claims(json!({})));
    assert_eq!(verdict(&v, &signed).await, "verified");
    for at in 0..signed.len() {
        for bit in 0..7 {
            let mut bytes = signed.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let changed = String::from_utf8(bytes).unwrap();
            assert_ne!(verdict(&v, &changed).await, "verified", "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn a_table_that_cannot_be_safe_does_not_start() {
    let rsa = file(&SigningKey::rsa().pem());
    let private = file("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n");
    let oct = file(&json!({"keys": [{"kty": "oct", "k": "AAAA", "kid": "a"}]}).to_string());
    let only = |key: &str, value: Value| {
        let mut changes = json!({"secret": null, "algorithms": ["ES256"]});
        changes[key] = value;
        changes
    };
    for (changes, path) in [
        (json!({"algorithms": []}), "v.algorithms"),
        (json!({"algorithms": ["none"]}), "v.algorithms.0"),
        (json!({"algorithms": ["RS256"]}), "v.algorithms"),
        (json!({"algorithms": ["HS512"], "secret": "x".repeat(63)}), "v.secret"),
        (json!({"secret": "short"}), "v.secret"),
        (json!({"secret": null}), "v"),
        (json!({"jwks_url": "https://idp/jwks"}), "v"),
        (json!({"issuer": null}), "v"),
        (json!({"audience": null}), "v"),
        (json!({"audience": ""}), "v.audience"),
        (json!({"audience": true}), "v.audience"),
        (json!({"leeway": "6m"}), "v.leeway"),
        (only("jwks_url", json!("http://idp/jwks")), "v.jwks_url"),
        (only("jwks_file", json!(oct.path())), "v.jwks_file"),
        (only("pem", json!([{"file": rsa.path()}])), "v.pem.0"),
        (only("pem", json!([{"file": private.path()}])), "v.pem.0"),
        (only("pem", json!([])), "v.pem"),
    ] {
        assert_eq!(problem_paths(table(changes.clone())), [path], "{changes}");
    }
}

#[tokio::test]
async fn a_key_file_that_changes_is_read_again() {
    let (old, new) = (SigningKey::es256(), SigningKey::es256());
    let jwks = file(&json!({"keys": [old.jwk("k1"), {"kty": "new-kind"}]}).to_string());
    let watcher = Watcher::default();
    let keys = json!({"secret": null, "algorithms": ["ES256"], "jwks_file": jwks.path()});
    let v = try_build(table(keys), &watcher, true).unwrap();
    let by = |key: &SigningKey, kid: &str| {
        key.sign(&json!({"alg": "ES256", "kid": kid}), &claims(json!({})))
    };
    assert_eq!(verdict(&v, &by(&old, "k1")).await, "verified");
    assert_eq!(verdict(&v, &by(&new, "k2")).await, "rejected");
    std::fs::write(jwks.path(), json!({"keys": [new.jwk("k2")]}).to_string()).unwrap();
    watcher.poll();
    assert_eq!(verdict(&v, &by(&new, "k2")).await, "verified");
    assert_eq!(verdict(&v, &by(&old, "k1")).await, "rejected");
}

mod by_url {
    use super::*;

    struct Fixture {
        up: Upstream,
        validator: Arc<dyn SsoValidator>,
        keys: [SigningKey; 2],
    }

    impl Fixture {
        async fn new() -> Self {
            let keys = [SigningKey::es256(), SigningKey::es256()];
            let up = Upstream::start(Behaviour::json(json!({"keys": [keys[0].jwk("k0")]}))).await;
            let validator = validator(table(json!({"secret": null, "algorithms": ["ES256"],
                "jwks_url": format!("{}/jwks", up.origin), "jwks_min_refetch": "30s",
                "jwks_max_age": "1h"})));
            Self { up, validator, keys }
        }

        /// The verdict on a token of one of the keys, `after` the beginning.
        async fn at(&self, after: i64, key: usize) -> &'static str {
            let now = Timestamp::from_secs(NOW.secs() + after);
            let header = json!({"alg": "ES256", "kid": format!("k{key}")});
            let signed = self.keys[key].sign(&header, &claims(json!({"exp": now.secs() + 60})));
            let patience = Duration::from_secs(10);
            name(&self.validator.validate(&token(&signed), &cx_at(now, patience)).await)
        }

        fn fetches(&self) -> usize {
            self.up.requests().len()
        }

        fn publish(&self, keys: &[usize]) {
            let jwks: Vec<Value> =
                keys.iter().map(|&i| self.keys[i].jwk(&format!("k{i}"))).collect();
            self.up.then(Behaviour::json(json!({ "keys": jwks })));
        }
    }

    #[tokio::test]
    async fn keys_are_fetched_once_and_nothing_of_the_token_is_sent() {
        let f = Fixture::new().await;
        for after in 0..5 {
            assert_eq!(f.at(after, 0).await, "verified");
        }
        assert_eq!(f.fetches(), 1);
        let request = f.up.requests().concat();
        assert!(request.starts_with("GET /jwks HTTP/1.1\r\n"));
        assert!(!request.contains("authorization") && !request.contains("cookie"), "{request}");
    }

    #[tokio::test]
    async fn an_unknown_key_makes_it_look_again_but_not_often() {
        let f = Fixture::new().await;
        assert_eq!(f.at(0, 0).await, "verified");
        assert_eq!(f.at(29, 1).await, "rejected");
        assert_eq!(f.fetches(), 1);
        assert_eq!(f.at(30, 1).await, "rejected");
        assert_eq!(f.fetches(), 2);
        f.publish(&[0, 1]);
        assert_eq!(f.at(60, 1).await, "verified");
        assert_eq!(f.at(61, 0).await, "verified");
        assert_eq!(f.fetches(), 3);
    }

    #[tokio::test]
    async fn keys_that_have_aged_are_asked_for_behind_the_callers_back() {
        let f = Fixture::new().await;
        assert_eq!(f.at(0, 0).await, "verified");
        f.publish(&[1]);
        // The old key still serves this caller; the next unknown key joins the fetch.
        assert_eq!(f.at(3600, 0).await, "verified");
        assert_eq!(f.at(3600, 1).await, "verified");
        assert_eq!(f.fetches(), 2);
    }

    #[tokio::test]
    async fn old_keys_stay_while_a_fetch_fails_and_new_ones_are_unavailable() {
        let f = Fixture::new().await;
        assert_eq!(f.at(0, 0).await, "verified");
        f.up.then(Behaviour::status(503, "retry-after: 5\r\n", ""));
        assert_eq!(f.at(40, 1).await, "unavailable");
        assert_eq!(f.at(41, 1).await, "unavailable");
        assert_eq!(f.at(42, 0).await, "verified");
        assert_eq!(f.fetches(), 2);
        f.publish(&[0, 1]);
        assert_eq!(f.at(70, 1).await, "verified");
    }

    #[tokio::test]
    async fn nothing_cached_and_no_answer_is_unavailable_and_asked_again_later() {
        let f = Fixture::new().await;
        for behaviour in [Behaviour::Reset, Behaviour::Truncate] {
            f.up.then(behaviour);
            let asked = f.fetches();
            let after = 100 * i64::try_from(asked).unwrap();
            assert_eq!(f.at(after, 0).await, "unavailable");
            assert_eq!(f.at(after + 1, 0).await, "unavailable");
            assert_eq!(f.fetches(), asked + 1);
            assert!(f.validator.check().await.is_err());
        }
        f.publish(&[0]);
        assert_eq!(f.at(1000, 0).await, "verified");
        assert!(f.validator.check().await.is_ok());
    }

    #[tokio::test]
    async fn nonsense_instead_of_keys_is_upstream() {
        let f = Fixture::new().await;
        for (i, behaviour) in [
            Behaviour::json(json!({"keys": []})),
            Behaviour::json(json!([])),
            Behaviour::status(302, "location: /x\r\n", ""),
            Behaviour::Garbage,
            Behaviour::Huge,
        ]
        .into_iter()
        .enumerate()
        {
            f.up.then(behaviour);
            assert_eq!(f.at(100 * i64::try_from(i).unwrap(), 0).await, "upstream", "number {i}");
        }
    }

    #[tokio::test]
    async fn many_callers_cause_one_fetch() {
        let f = Fixture::new().await;
        let verdicts = futures_util::future::join_all((0..64).map(|_| f.at(0, 0))).await;
        assert!(verdicts.iter().all(|v| *v == "verified"));
        assert_eq!(f.fetches(), 1);
    }

    #[tokio::test]
    async fn a_caller_who_gives_up_does_not_undo_the_fetch() {
        let f = Fixture::new().await;
        {
            let mut call = std::pin::pin!(f.at(0, 0));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(call.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(f.at(0, 0).await, "verified");
        assert_eq!(f.fetches(), 1);
    }
}
