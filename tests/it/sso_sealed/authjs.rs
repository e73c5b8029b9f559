//! `authjs`: the vectors of next-auth 4 and @auth/core, and times, headers, keys and names.

use std::sync::{Arc, LazyLock};

use cambio::domain::Timestamp;
use cambio::sso::{SsoValidator, ValidateError};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::mint::{authjs_4, authjs_5};
use super::{MINTED, decide, refuses_every_changed_bit, refuses_every_other_length, text, vectors};
use crate::sso_fixtures::{problem_paths, validator};

const SECRET: &str = "a secret for these tests";
const NAME: &str = "authjs.session-token";

fn table(version: u8, secrets: &[&str]) -> Value {
    let mut table = json!({"kind": "authjs", "version": version, "secret": secrets,
        "claims": {"attributes": {"email": "email"}}});
    if version == 5 {
        table["cookie"] = json!(NAME);
    }
    table
}

/// The vector of each version with the validator that it needs.
fn each_vector(check: impl Fn(&Value, &str, &Arc<dyn SsoValidator>)) {
    let file = vectors("jwe-and-seals");
    for (version, name) in [(4, "next_auth_v4"), (5, "authjs_v5")] {
        let vector = &file[name];
        let validator = validator(table(version, &[text(vector, "secret")]));
        check(&vector["decoded"], text(vector, "cookie"), &validator);
    }
}

/// A cookie of each version with the same claims.
fn both(header: impl Fn(&str) -> Value, claims: &Value) -> [(u8, String); 2] {
    [
        (4, authjs_4(SECRET, &header("A256GCM"), claims)),
        (5, authjs_5(SECRET, NAME, &header("A256CBC-HS512"), claims)),
    ]
}

fn header(enc: &str) -> Value {
    json!({"alg": "dir", "enc": enc})
}

#[test]
fn every_vector_says_what_it_should() {
    each_vector(|decoded, cookie, validator| {
        let who = decide(validator, cookie, MINTED).unwrap();
        assert_eq!(who.subject.as_str(), decoded["sub"]);
        assert_eq!(who.attributes["email"], decoded["email"]);
        let end = decoded["exp"].as_i64().map(Timestamp::from_secs);
        assert_eq!(who.expires_at, end);
    });
}

#[test]
fn a_one_bit_change_anywhere_is_refused() {
    each_vector(|_, cookie, validator| refuses_every_changed_bit(validator, cookie, MINTED));
}

#[test]
fn a_cut_or_longer_value_is_refused() {
    each_vector(|_, cookie, validator| refuses_every_other_length(validator, cookie, MINTED));
}

#[test]
fn an_expired_vector_is_refused_after_the_tolerance() {
    each_vector(|decoded, cookie, validator| {
        let exp = decoded["exp"].as_i64().unwrap();
        let at = |secs| decide(validator, cookie, Timestamp::from_secs(secs));
        let last = at(exp + 14).unwrap();
        assert_eq!(last.expires_at, Some(Timestamp::from_secs(exp + 15)));
        assert_eq!(at(exp + 15), Err(ValidateError::Rejected("it has expired")));
    });
}

#[test]
fn each_time_is_checked_with_fifteen_seconds_of_tolerance() {
    let now = MINTED.secs();
    let good = json!({"sub": "ann", "iat": now, "nbf": now, "exp": now + 60});
    let cases = [
        ("iat", json!(now + 15), true),
        ("iat", json!(now + 16), false),
        ("iat", json!("now"), false),
        ("nbf", json!(now + 15), true),
        ("nbf", json!(now + 16), false),
        ("exp", json!(now - 14), true),
        ("exp", json!(now - 15), false),
        ("exp", json!(null), false),
        ("exp", json!("later"), false),
    ];
    for (claim, value, passes) in cases {
        let mut claims = good.clone();
        claims[claim] = value;
        for (version, cookie) in both(header, &claims) {
            let verdict = decide(&validator(table(version, &[SECRET])), &cookie, MINTED);
            assert_eq!(verdict.is_ok(), passes, "{version}: {claims}: {verdict:?}");
            assert!(!matches!(verdict, Err(ValidateError::Malformed(_))));
        }
    }
}

#[test]
fn a_header_that_asks_for_anything_else_is_rejected() {
    let claims = json!({"sub": "ann", "exp": MINTED.secs() + 60});
    let headers: [fn(&str) -> Value; 6] = [
        |_| json!({"alg": "dir", "enc": "A128GCM"}),
        |enc| json!({"alg": "none", "enc": enc}),
        |enc| json!({"alg": "dir", "enc": enc, "zip": "DEF"}),
        |enc| json!({"alg": "dir", "enc": enc, "crit": ["x"], "x": 1}),
        |enc| json!({"enc": enc}),
        |_| json!([]),
    ];
    for header in headers {
        for (version, cookie) in both(header, &claims) {
            let verdict = decide(&validator(table(version, &[SECRET])), &cookie, MINTED);
            let want = Err(ValidateError::Rejected("its header asks for something else"));
            assert_eq!(verdict, want, "{version}: {}", header("enc"));
        }
    }
}

#[test]
fn a_key_id_is_no_more_than_a_hint() {
    let claims = json!({"sub": "ann", "exp": MINTED.secs() + 60});
    let with_kid = |enc: &str| json!({"alg": "dir", "enc": enc, "kid": "../of another key"});
    for (version, cookie) in both(with_kid, &claims) {
        assert!(decide(&validator(table(version, &[SECRET])), &cookie, MINTED).is_ok());
    }
}

#[test]
fn every_live_secret_opens_and_no_other() {
    each_vector(|_, cookie, _| {
        for (version, name) in [(4, "next_auth_v4"), (5, "authjs_v5")] {
            let file = vectors("jwe-and-seals");
            let own = text(&file[name], "cookie") == cookie;
            let rotated = validator(table(version, &["newer", text(&file[name], "secret")]));
            assert_eq!(decide(&rotated, cookie, MINTED).is_ok(), own);
            let other = decide(&validator(table(version, &["newer"])), cookie, MINTED);
            let rejected = matches!(other, Err(ValidateError::Rejected("no key opens it")));
            assert_eq!(rejected, own, "{other:?}");
        }
    });
}

#[test]
fn the_name_of_the_cookie_is_part_of_the_key() {
    let claims = json!({"sub": "ann", "exp": MINTED.secs() + 60});
    let secure =
        authjs_5(SECRET, "__Secure-authjs.session-token", &header("A256CBC-HS512"), &claims);
    let plain = validator(table(5, &[SECRET]));
    assert!(matches!(decide(&plain, &secure, MINTED), Err(ValidateError::Rejected(_))));
    let default = validator(json!({"kind": "authjs", "secret": [SECRET]}));
    assert!(decide(&default, &secure, MINTED).is_ok(), "a secure site is the default");
}

#[test]
fn a_wrong_table_is_told() {
    let paths = |table| problem_paths(table);
    assert_eq!(paths(json!({"kind": "authjs", "secret": []})), ["v.secret"]);
    assert_eq!(paths(json!({"kind": "authjs", "secret": ["x"], "version": 3})), ["v.version"]);
    let named = json!({"kind": "authjs", "secret": ["x"], "version": 4, "cookie": "c"});
    assert_eq!(paths(named), ["v.cookie"]);
    let nameless = json!({"kind": "authjs", "secret": ["x"], "cookie": ""});
    assert_eq!(paths(nameless), ["v.cookie"]);
}

static BOTH: LazyLock<[Arc<dyn SsoValidator>; 2]> =
    LazyLock::new(|| [4, 5].map(|version| validator(table(version, &[SECRET]))));

proptest! {
    #[test]
    fn no_text_passes_or_panics(
        text in "([A-Za-z0-9_-]{0,30}\\.)?\\.([A-Za-z0-9_-]{16}|[A-Za-z0-9_-]{22})\\.[A-Za-z0-9_-]{0,60}\\.([A-Za-z0-9_-]{22}|[A-Za-z0-9_-]{43})\\PC{0,2}",
    ) {
        for validator in BOTH.iter() {
            prop_assert!(decide(validator, &text, MINTED).is_err());
        }
    }

    #[test]
    fn what_is_sealed_is_what_is_read(subject in "[a-z@.é]{1,40}", life in 1_i64..1_000_000) {
        let claims = json!({"sub": subject, "exp": MINTED.secs() + life});
        for ((_, cookie), validator) in both(header, &claims).iter().zip(BOTH.iter()) {
            let who = decide(validator, cookie, MINTED).unwrap();
            prop_assert_eq!(who.subject.as_str(), &subject);
            prop_assert_eq!(who.expires_at, Some(Timestamp::from_secs(MINTED.secs() + life)));
        }
    }
}
