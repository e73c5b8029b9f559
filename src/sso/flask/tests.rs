//! Cookies of the real Flask and of an application built on it, the checks that itsdangerous
//! makes, and what no input may do.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use miniz_oxide::deflate::compress_to_vec_zlib;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::sso::vectors;

const VECTORS: &str = include_str!("../../../tests/data/vectors/flask.json");
const CANAILLE: &str = include_str!("../../../tests/data/vectors/canaille.json");
const SECRET: &str = "flask-test-secret-key-0123456789";
const SIGNED_AT: Timestamp = Timestamp::from_secs(1_700_000_000);
const EXPIRED: ValidateError = ValidateError::Rejected("it has expired");

fn build(extra: &Value) -> Flask {
    let mut table = json!({"secret_key": SECRET, "fields": {"subject": "user_id"}});
    table.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let mut problems = Problems::default();
    let settings: Settings = serde_json::from_value(table).unwrap();
    let built = settings.validator("v", &mut problems);
    built.unwrap_or_else(|| panic!("{:?}", problems.into_vec()))
}

/// Signs as Flask does.
fn sign_text(payload: &str) -> String {
    let key = format::key(SECRET.as_bytes(), SALT.as_bytes());
    let mac = URL_SAFE_NO_PAD.encode(hmac::sign(&key, payload.as_bytes()));
    format!("{payload}.{mac}")
}

/// The time is `SIGNED_AT`, ZVPxAA.
fn sign(session: &Value) -> String {
    sign_text(&format!("{}.ZVPxAA", URL_SAFE_NO_PAD.encode(session.to_string())))
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(SIGNED_AT.secs() + secs)
}

#[test]
fn every_cookie_of_the_real_library_says_what_it_says() {
    let file = vectors::read(VECTORS);
    assert_eq!(vectors::text(&file, "/secret_key"), SECRET);
    let flask = build(&json!({}));
    let entries = file["vectors"].as_array().unwrap();
    assert_eq!(entries.len(), 4);
    for entry in entries {
        let cookie = vectors::text(entry, "/cookie");
        let signed_at = vectors::time(entry, "/timestamp_epoch");
        let raw = vectors::read(vectors::text(entry, "/payload_json"));
        let opened = flask.opener.open(cookie).unwrap();
        assert_eq!(opened.session, tagged::untag(raw).unwrap());
        assert_eq!(opened.signed_at, signed_at);

        let who = flask.decide(cookie, signed_at).unwrap();
        assert_eq!(who.subject.as_str(), "42");
        assert_eq!(who.expires_at, Some(signed_at.plus(Duration::from_secs(31 * 86_400))));
        if entry.get("expect").is_some() {
            let minted = Timestamp::from_secs(1_795_278_539);
            assert_eq!(flask.decide(cookie, minted), Err(EXPIRED));
        }
    }
}

#[test]
fn tagged_values_are_mapped_as_the_application_wrote_them() {
    let file = vectors::read(VECTORS);
    let fields = json!({"fields": {"subject": "u", "user_id": "user_id", "roles": "roles",
        "accounts": "/t/0", "attributes": {"login_at": "login_at", "raw": "raw", "t": "t"}}});
    let signed_at = vectors::time(&file, "/vectors/0/timestamp_epoch");
    let cookie = vectors::text(&file, "/vectors/0/cookie");
    let who = build(&fields).decide(cookie, signed_at).unwrap();
    assert_eq!(who.subject.as_str(), "00000000-0000-0000-0000-000000000001");
    assert_eq!(who.user_id.as_deref(), Some("42"));
    assert_eq!(who.roles, ["dev", "ops"]);
    assert_eq!(who.accounts[0].id.as_str(), "a");
    let attributes =
        json!({"login_at": "Sat, 21 Nov 2026 12:00:00 GMT", "raw": "AP8=", "t": ["a", 1]});
    assert_eq!(Value::Object(who.attributes), attributes);
}

#[test]
fn a_cookie_of_a_real_identity_provider_opens() {
    let file = vectors::read(CANAILLE);
    let flask = build(&json!({"secret_key": vectors::text(&file, "/secret_key"),
        "fields": {"subject": "/sessions/0/user"}}));
    let cookie = vectors::text(&file, "/cookie");
    let opened = flask.opener.open(cookie).unwrap();
    let raw = vectors::read(vectors::text(&file, "/payload_json"));
    assert_eq!(opened.session, tagged::untag(raw).unwrap());
    let who = flask.decide(cookie, vectors::time(&file, "/timestamp_epoch")).unwrap();
    assert_eq!(who.subject.as_str(), "49457c39-4699-498f-82e5-f4039b31dd2b");
    vectors::assert_nothing_else_passes(cookie, Some('.'), |text| flask.opener.open(text));
}

#[test]
fn one_changed_bit_and_one_missing_character_are_refused() {
    let file = vectors::read(VECTORS);
    let flask = build(&json!({}));
    for entry in file["vectors"].as_array().unwrap() {
        let cookie = vectors::text(entry, "/cookie");
        vectors::assert_nothing_else_passes(cookie, Some('.'), |text| flask.opener.open(text));
    }
}

#[test]
fn it_ends_at_its_lifetime_and_does_not_come_from_the_future() {
    let flask = build(&json!({"permanent_session_lifetime": 3600}));
    let cookie = sign(&json!({"user_id": 1, "_permanent": false}));
    assert_eq!(flask.decide(&cookie, at(0)).unwrap().expires_at, Some(at(3600)));
    assert!(flask.decide(&cookie, at(3599)).is_ok());
    assert_eq!(flask.decide(&cookie, at(3600)), Err(EXPIRED));
    let future = ValidateError::Rejected("it was signed in the future");
    assert_eq!(flask.decide(&cookie, at(-1)), Err(future));
}

#[test]
fn a_replaced_secret_verifies_while_it_is_a_fallback() {
    let cookie = sign(&json!({"user_id": 1}));
    let new = "the-new-flask-secret-key";
    let wrong = ValidateError::Rejected("MAC does not verify");
    assert_eq!(build(&json!({"secret_key": new})).decide(&cookie, SIGNED_AT), Err(wrong));
    let both = json!({"secret_key": new, "secret_key_fallbacks": ["an-even-older-secret", SECRET]});
    assert!(build(&both).decide(&cookie, SIGNED_AT).is_ok());
}

#[test]
fn another_salt_is_another_purpose() {
    let cookie = sign(&json!({"user_id": 1}));
    assert!(build(&json!({"salt": "other"})).decide(&cookie, SIGNED_AT).is_err());
}

#[test]
fn the_subject_of_flask_login_is_the_default() {
    let flask = build(&json!({"fields": {}}));
    let login = sign(&json!({"_user_id": "7", "_fresh": true}));
    assert_eq!(flask.decide(&login, SIGNED_AT).unwrap().subject.as_str(), "7");
    for nobody in [json!({}), json!({"_user_id": null}), json!({"csrf_token": "x"})] {
        let verdict = flask.decide(&sign(&nobody), SIGNED_AT);
        assert!(matches!(verdict, Err(ValidateError::Rejected(_))), "{nobody}: {verdict:?}");
    }
}

#[test]
fn what_cannot_be_decoded_is_malformed() {
    let bomb = URL_SAFE_NO_PAD.encode(compress_to_vec_zlib(&vec![b' '; 70_000], 9));
    let signed = ["e30", "e30.", ".ZVPxAA", "e30.A", "e30.AAAAAAAAAAAA", "e30._________w"];
    let wrong_tag = URL_SAFE_NO_PAD.encode(r#"{"x":{" u":1}}"#);
    let tuple = URL_SAFE_NO_PAD.encode(r#"{" t":[]}"#);
    let payloads =
        ["bm8", "W10", "MQ", "e3", ".e30", ".eJw", &format!(".{bomb}"), &wrong_tag, &tuple];
    let payloads = payloads.iter().map(|payload| format!("{payload}.ZVPxAA"));
    let bad = signed.iter().map(|text| (*text).to_owned()).chain(payloads).map(|t| sign_text(&t));
    for text in bad.chain(["e30".to_owned(), "e30.ZVPxAA.".to_owned(), "..".to_owned()]) {
        let verdict = build(&json!({})).decide(&text, SIGNED_AT);
        assert!(matches!(verdict, Err(ValidateError::Malformed(_))), "{text}: {verdict:?}");
    }
}

#[test]
fn settings_that_verify_nothing_or_anything_are_refused() {
    let mut problems = Problems::default();
    let settings: Settings = serde_json::from_value(json!({"secret_key": "short",
        "secret_key_fallbacks": [SECRET, "short"], "permanent_session_lifetime": 0}))
    .unwrap();
    assert!(settings.build("v", &mut problems).is_none());
    let mut paths: Vec<_> = problems.into_vec().into_iter().map(|p| p.path).collect();
    paths.sort();
    let want = ["v.permanent_session_lifetime", "v.secret_key", "v.secret_key_fallbacks.1"];
    assert_eq!(paths, want);
}

proptest! {
    #[test]
    fn no_text_passes_or_panics(text in "\\.?\\PC{0,40}(\\.[A-Za-z0-9_-]{0,8}){0,2}(\\.[A-Za-z0-9_-]{27})?") {
        let verdict = build(&json!({})).decide(&text, SIGNED_AT);
        prop_assert!(verdict.is_err());
    }

    #[test]
    fn no_signed_text_panics(payload in "\\.?[A-Za-z0-9_-]{1,60}", time in "[A-Za-z0-9]{1,14}") {
        let _ = build(&json!({})).decide(&sign_text(&format!("{payload}.{time}")), SIGNED_AT);
    }

    #[test]
    fn what_is_deflated_is_what_is_read(roles in prop::collection::vec("[a-z]{1,10}", 0..40)) {
        let session = json!({"user_id": 1, "roles": {" t": roles}});
        let deflated = compress_to_vec_zlib(session.to_string().as_bytes(), 6);
        let cookie = sign_text(&format!(".{}.ZVPxAA", URL_SAFE_NO_PAD.encode(deflated)));
        let fields = json!({"fields": {"subject": "user_id", "roles": "roles"}});
        prop_assert_eq!(build(&fields).decide(&cookie, SIGNED_AT).unwrap().roles, roles);
    }
}
