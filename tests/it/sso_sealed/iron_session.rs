//! `iron_session`: the vector of iron-session 8, and expiries, passwords and versions.

use std::sync::{Arc, LazyLock};

use cambio::domain::Timestamp;
use cambio::sso::{SsoValidator, ValidateError};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::mint::iron;
use super::{MINTED, decide, refuses_every_changed_bit, refuses_every_other_length, text, vectors};
use crate::sso_fixtures::{problem_paths, validator};

const PASSWORD: &str = "a password of at least thirty-two bytes";

fn table(passwords: Value) -> Value {
    json!({"kind": "iron_session", "password": passwords,
        "fields": {"subject": "userId", "attributes": {"email": "email"}}})
}

fn vector() -> (Value, Arc<dyn SsoValidator>) {
    let vector = vectors("jwe-and-seals")["iron_session"].clone();
    let validator = validator(table(json!({"1": vector["password"]})));
    (vector, validator)
}

#[test]
fn the_vector_says_what_it_should() {
    let (vector, validator) = vector();
    let who = decide(&validator, text(&vector, "cookie"), MINTED).unwrap();
    assert_eq!(who.subject.as_str(), vector["decoded"]["userId"].to_string());
    assert_eq!(who.attributes["email"], vector["decoded"]["email"]);
    let millis: i64 = text(&vector, "expiration_ms").parse().unwrap();
    assert_eq!(who.expires_at, Some(Timestamp::from_secs(millis / 1000)));
}

#[test]
fn a_one_bit_change_anywhere_is_refused() {
    let (vector, validator) = vector();
    refuses_every_changed_bit(&validator, text(&vector, "cookie"), MINTED);
}

#[test]
fn a_cut_or_longer_value_is_refused() {
    let (vector, validator) = vector();
    refuses_every_other_length(&validator, text(&vector, "cookie"), MINTED);
}

#[test]
fn the_vector_is_refused_a_minute_after_its_expiry() {
    let (vector, validator) = vector();
    let millis: i64 = text(&vector, "expiration_ms").parse().unwrap();
    let end = millis / 1000 + 60;
    let at = |secs| decide(&validator, text(&vector, "cookie"), Timestamp::from_secs(secs));
    assert_eq!(at(end - 1).unwrap().expires_at, Some(Timestamp::from_secs(end)));
    assert_eq!(at(end), Err(ValidateError::Rejected("it has expired")));
}

#[test]
fn a_seal_without_an_expiry_does_not_end() {
    let value = iron("1", PASSWORD, r#"{"userId":"ann"}"#, "");
    let who = decide(&SHARED, &value, MINTED).unwrap();
    assert_eq!(who.expires_at, None);
}

#[test]
fn an_expiry_is_digits() {
    for expiry in ["-1", "+9999999999999", "1e99", "soon", "99999999999999999999"] {
        let value = iron("1", PASSWORD, r#"{"userId":"ann"}"#, expiry);
        let verdict = decide(&SHARED, &value, MINTED);
        assert_eq!(verdict, Err(ValidateError::Malformed("its expiry is no time")), "{expiry}");
    }
}

#[test]
fn the_password_that_a_seal_names_must_have_made_it() {
    let other = "another password of thirty-two bytes";
    let both = validator(table(json!({"1": other, "2": PASSWORD})));
    let seal = |id, password| iron(id, password, r#"{"userId":"ann"}"#, "");
    assert!(decide(&both, &seal("2", PASSWORD), MINTED).is_ok());
    assert!(decide(&both, &seal("1", other), MINTED).is_ok());
    for (id, password) in [("1", PASSWORD), ("3", PASSWORD), ("", PASSWORD), ("02", PASSWORD)] {
        let verdict = decide(&both, &seal(id, password), MINTED);
        assert_eq!(verdict, Err(ValidateError::Rejected("no password opens it")), "{id}");
    }
}

#[test]
fn another_version_is_malformed() {
    let good = iron("1", PASSWORD, r#"{"userId":"ann"}"#, "");
    assert!(decide(&SHARED, &good, MINTED).is_ok());
    for (from, to) in [("~2", ""), ("~2", "~1"), ("Fe26.2*", "Fe26.1*")] {
        let verdict = decide(&SHARED, &good.replace(from, to), MINTED);
        assert!(matches!(verdict, Err(ValidateError::Malformed(_))), "{from}: {verdict:?}");
    }
}

#[test]
fn a_session_that_is_no_json_is_malformed_and_one_without_a_user_rejected() {
    let verdict = decide(&SHARED, &iron("1", PASSWORD, "hello", ""), MINTED);
    assert_eq!(verdict, Err(ValidateError::Malformed("its session is not json")));
    let verdict = decide(&SHARED, &iron("1", PASSWORD, "{}", ""), MINTED);
    assert_eq!(verdict, Err(ValidateError::Rejected("subject is missing")));
}

#[test]
fn a_wrong_table_is_told() {
    let paths = |passwords| problem_paths(table(passwords));
    assert_eq!(paths(json!({})), ["v.password"]);
    assert_eq!(paths(json!({"1": "short", "one": PASSWORD})), ["v.password.1", "v.password.one"]);
    let fieldless = json!({"kind": "iron_session", "password": {"1": PASSWORD}});
    assert_eq!(problem_paths(fieldless), ["v"]);
}

static SHARED: LazyLock<Arc<dyn SsoValidator>> =
    LazyLock::new(|| validator(table(json!({"1": PASSWORD}))));

proptest! {
    #[test]
    fn no_text_passes_or_panics(
        text in "(Fe26\\.2\\*1\\*)?([0-9a-f]{64}\\*)?[A-Za-z0-9_-]{22}\\*[A-Za-z0-9_-]{0,64}\\*[0-9]{0,20}\\*([0-9a-f]{64}\\*)?[A-Za-z0-9_-]{43}(~2)?\\PC{0,2}",
    ) {
        prop_assert!(decide(&SHARED, &text, MINTED).is_err());
    }

    #[test]
    fn what_is_sealed_is_what_is_read(user in "[a-z@.é]{1,40}", life in 1_i64..1_000_000) {
        let end = MINTED.secs() + life;
        let session = json!({"userId": user}).to_string();
        let value = iron("1", PASSWORD, &session, &format!("{end}999"));
        let who = decide(&SHARED, &value, MINTED).unwrap();
        prop_assert_eq!(who.subject.as_str(), user);
        prop_assert_eq!(who.expires_at, Some(Timestamp::from_secs(end)));
    }
}
