//! `rails`: the vectors of actionpack 6.1, and purposes, expiries, keys and names.

use std::sync::{Arc, LazyLock};

use cambio::domain::Timestamp;
use cambio::sso::{SsoValidator, ValidateError};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::mint::{rails_encrypted, rails_envelope, rails_signed};
use super::{MINTED, decide, refuses_every_changed_bit, refuses_every_other_length, text, vectors};
use crate::sso_fixtures::{problem_paths, validator};

const SECRET: &str = "a secret key base for these tests";

fn table(cookie: &str) -> Value {
    json!({"kind": "rails", "secret_key_base": [SECRET], "cookie": cookie,
        "fields": {"subject": "user_id", "roles": "roles", "session_id": "session_id"}})
}

/// The encrypted and the signed cookie of every vector, with the validators that they need.
fn each_vector(check: impl Fn(&Value, &str, &Arc<dyn SsoValidator>, &str, &Arc<dyn SsoValidator>)) {
    let file = vectors("rails");
    let all = file["vectors"].as_array().unwrap();
    assert_eq!(all.len(), 2);
    for vector in all {
        let signed = &vector["signed_cookie"];
        let mut session = table(text(vector, "cookie_name"));
        let mut uid = table(text(signed, "name"));
        for table in [&mut session, &mut uid] {
            table["secret_key_base"] = json!([file["secret_key_base"]]);
            table["key_generator_hash_digest_class"] = json!([vector["kdf_digest_that_decrypts"]]);
        }
        uid["protection"] = json!("signed");
        uid["fields"] = json!({"subject": "value"});
        let (cookie, signed) = (text(vector, "cookie_raw"), text(signed, "raw"));
        check(vector, cookie, &validator(session), signed, &validator(uid));
    }
}

#[test]
fn every_vector_says_what_it_should() {
    each_vector(|vector, cookie, session, signed, uid| {
        let who = decide(session, cookie, MINTED).unwrap();
        assert_eq!(who.subject.as_str(), vector["session"]["user_id"].to_string());
        assert_eq!(who.session_id.as_deref(), vector["session"]["session_id"].as_str());
        assert_eq!(json!(who.roles), vector["session"]["roles"]);
        assert_eq!(who.expires_at, None, "exp is null");
        assert_eq!(decide(uid, signed, MINTED).unwrap().subject.as_str(), "42");
    });
}

#[test]
fn a_value_that_is_sent_without_percent_encoding_is_the_same() {
    each_vector(|_, cookie, session, _, _| {
        let plain = cookie.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
        assert!(decide(session, &plain, MINTED).is_ok());
        let lower = cookie.replace("%2B", "%2b").replace("%3D", "%3d");
        assert!(decide(session, &lower, MINTED).is_err(), "an escape has one spelling");
    });
}

#[test]
fn a_one_bit_change_anywhere_is_refused() {
    each_vector(|_, cookie, session, signed, uid| {
        refuses_every_changed_bit(session, cookie, MINTED);
        refuses_every_changed_bit(uid, signed, MINTED);
    });
}

#[test]
fn a_cut_or_longer_value_is_refused() {
    each_vector(|_, cookie, session, signed, uid| {
        refuses_every_other_length(session, cookie, MINTED);
        refuses_every_other_length(uid, signed, MINTED);
    });
}

#[test]
fn a_cookie_of_another_name_is_rejected() {
    each_vector(|vector, cookie, _, _, _| {
        let mut other = table("_other_session");
        other["secret_key_base"] = json!([vectors("rails")["secret_key_base"]]);
        other["key_generator_hash_digest_class"] = json!([vector["kdf_digest_that_decrypts"]]);
        let verdict = decide(&validator(other), cookie, MINTED);
        assert_eq!(verdict, Err(ValidateError::Rejected("it was made for another purpose")));
    });
}

#[test]
fn the_other_derivation_does_not_open_it_and_both_together_do() {
    each_vector(|vector, cookie, _, _, _| {
        let mut any = table(text(vector, "cookie_name"));
        any["secret_key_base"] = json!([vectors("rails")["secret_key_base"]]);
        any["key_generator_hash_digest_class"] = json!(["SHA256", "SHA1"]);
        assert!(decide(&validator(any.clone()), cookie, MINTED).is_ok());
        let other = if vector["kdf_digest"] == "SHA1" { "SHA256" } else { "SHA1" };
        any["key_generator_hash_digest_class"] = json!([other]);
        let verdict = decide(&validator(any), cookie, MINTED);
        assert_eq!(verdict, Err(ValidateError::Rejected("no key opens it")));
    });
}

#[test]
fn it_ends_at_exp() {
    let validator = validator(table("s"));
    let exp = Some("2001-09-09T01:46:40.500Z");
    let envelope = rails_envelope("cookie.s", &json!({"user_id": "ann"}), exp);
    let value = rails_encrypted(SECRET, &envelope);
    let at = |secs| decide(&validator, &value, Timestamp::from_secs(secs));
    assert_eq!(at(999_999_999).unwrap().expires_at, Some(Timestamp::from_secs(1_000_000_000)));
    assert_eq!(at(1_000_000_000), Err(ValidateError::Rejected("it has expired")));
}

#[test]
fn every_live_secret_opens_and_salts_and_digests_are_configurable() {
    let mut table = table("uid");
    table["secret_key_base"] = json!(["a newer secret", SECRET]);
    table["protection"] = json!("signed");
    table["signed_cookie_salt"] = json!("our salt");
    table["signed_cookie_digest"] = json!("SHA256");
    table["fields"] = json!({"subject": "value"});
    let configured = validator(table.clone());
    let envelope = rails_envelope("cookie.uid", &json!("ann"), None);
    let good = rails_signed(SECRET, "our salt", &envelope);
    assert_eq!(decide(&configured, &good, MINTED).unwrap().subject.as_str(), "ann");
    for other in
        [rails_signed(SECRET, "signed cookie", &envelope), rails_signed("x", "our salt", &envelope)]
    {
        let verdict = decide(&configured, &other, MINTED);
        assert_eq!(verdict, Err(ValidateError::Rejected("no key opens it")));
    }
}

#[test]
fn a_session_without_a_user_is_rejected() {
    let envelope = rails_envelope("cookie.s", &json!({"session_id": "x"}), None);
    let verdict = decide(&validator(table("s")), &rails_encrypted(SECRET, &envelope), MINTED);
    assert_eq!(verdict, Err(ValidateError::Rejected("subject is missing")));
}

#[test]
fn a_wrong_table_is_told() {
    let paths = problem_paths(json!({"kind": "rails", "secret_key_base": [], "cookie": "",
        "key_generator_hash_digest_class": [], "fields": {"subject": "id"}}));
    let at = ["v.secret_key_base", "v.key_generator_hash_digest_class", "v.cookie"];
    assert_eq!(paths, at);
    let mut unknown = table("s");
    unknown["key_generator_hash_digest_class"] = json!(["SHA256", "MD5"]);
    assert_eq!(problem_paths(unknown), ["v.key_generator_hash_digest_class.1"]);
    let mut nobody = table("s");
    nobody["fields"] = json!({});
    assert_eq!(problem_paths(nobody), ["v.fields"]);
}

/// Both protections; deriving keys takes a while.
static BOTH: LazyLock<[Arc<dyn SsoValidator>; 2]> = LazyLock::new(|| {
    ["encrypted", "signed"].map(|protection| {
        let mut table = table("s");
        table["protection"] = json!(protection);
        validator(table)
    })
});

proptest! {
    #[test]
    fn no_text_passes_or_panics(
        text in "([A-Za-z0-9+/%]{0,40}={0,2}--)?[A-Za-z0-9+/]{0,16}(--[A-Za-z0-9+/]{22}==)?\\PC{0,3}",
    ) {
        for validator in BOTH.iter() {
            prop_assert!(decide(validator, &text, MINTED).is_err());
        }
    }

    #[test]
    fn what_is_sealed_is_what_is_read(user in "[a-z@.é]{1,40}") {
        let envelope = rails_envelope("cookie.s", &json!({"user_id": user}), None);
        let who = decide(&BOTH[0], &rails_encrypted(SECRET, &envelope), MINTED).unwrap();
        prop_assert_eq!(who.subject.as_str(), user);
    }
}
