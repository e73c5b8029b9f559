//! Cookies of the real Django, the checks that it makes, and what no input may do.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use miniz_oxide::deflate::compress_to_vec_zlib;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::sso::vectors;

const VECTORS: &str = include_str!("../../../tests/data/vectors/django.json");
const SECRET: &str = "django-insecure-test-secret-key-0123456789abcdefghij";
const SIGNED_AT: Timestamp = Timestamp::from_secs(1_700_000_000);

fn build(extra: &Value) -> Django {
    let mut table = json!({"secret_key": SECRET});
    table.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let mut problems = Problems::default();
    let settings: Settings = serde_json::from_value(table).unwrap();
    let built = settings.validator("v", &mut problems);
    built.unwrap_or_else(|| panic!("{:?}", problems.into_vec()))
}

/// Signs as Django does; the time is `SIGNED_AT`, 1r31eq.
fn sign_text(payload: &str) -> String {
    let key = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA256,
        format!("{SALT}signer{SECRET}").as_bytes(),
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_ref());
    let mac = URL_SAFE_NO_PAD.encode(hmac::sign(&key, payload.as_bytes()));
    format!("{payload}:{mac}")
}

fn sign(session: &Value) -> String {
    sign_text(&format!("{}:1r31eq", URL_SAFE_NO_PAD.encode(session.to_string())))
}

fn session(extra: &Value) -> Value {
    let mut session = json!({"_auth_user_id": "1",
        "_auth_user_backend": "django.contrib.auth.backends.ModelBackend",
        "_auth_user_hash": "798876f3"});
    session.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    session
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(SIGNED_AT.secs() + secs)
}

#[test]
fn every_cookie_of_the_real_library_says_what_it_says() {
    let file = vectors::read(VECTORS);
    assert_eq!(vectors::text(&file, "/secret_key"), SECRET);
    assert_eq!(vectors::text(&file, "/signed_cookies/salt"), SALT);
    let django = build(&json!({}));
    let numbered = build(&json!({"fields": {"subject": "uid"}}));
    let entries = file.pointer("/signed_cookies/vectors").unwrap().as_array().unwrap();
    assert_eq!(entries.len(), 4);
    for entry in entries {
        let cookie = vectors::text(entry, "/cookie");
        let signed_at = vectors::time(entry, "/timestamp_epoch");
        let opened = django.opener.open(cookie).unwrap();
        assert_eq!(opened.session, entry["decoded"]);
        assert_eq!(opened.signed_at, signed_at);

        let validator = if entry["decoded"].get("uid").is_some() { &numbered } else { &django };
        let who = validator.decide(cookie, signed_at).unwrap();
        let want = &entry["decoded"].get("uid").map_or("1".to_owned(), Value::to_string);
        assert_eq!(who.subject.as_str(), want);
        assert_eq!(who.expires_at, Some(signed_at.plus(Duration::from_secs(1_209_600))));
        if entry.get("expect").is_some() {
            let minted = Timestamp::from_secs(1_795_278_535);
            assert_eq!(validator.decide(cookie, minted), Err(EXPIRED));
        }
    }
}

const EXPIRED: ValidateError = ValidateError::Rejected("it has expired");

#[test]
fn a_replaced_secret_verifies_while_it_is_a_fallback() {
    let file = vectors::read(VECTORS);
    let cookie = vectors::text(&file, "/fallback_vector/cookie");
    let old = vectors::text(&file, "/fallback_vector/secret_key");
    let now = Timestamp::from_secs(1_795_278_535);
    let fields = json!({"fields": {"subject": "uid"}});
    let wrong = ValidateError::Rejected("MAC does not verify");
    assert_eq!(build(&fields).decide(cookie, now), Err(wrong));
    let mut with = fields;
    with["secret_key_fallbacks"] = json!(["another-rotated-secret-key", old]);
    assert_eq!(build(&with).decide(cookie, now).unwrap().subject.as_str(), "9");
    assert!(build(&with).decide(&sign(&json!({"uid": 9})), at(1)).is_ok());
}

#[test]
fn a_row_of_the_session_table_opens_with_its_own_salt() {
    let file = vectors::read(VECTORS);
    let data = vectors::text(&file, "/db/session_data");
    let row = build(&json!({"salt": vectors::text(&file, "/db/salt")})).opener;
    let opened = row.open(data).unwrap();
    assert_eq!(opened.session, file["db"]["decoded"]);
    assert_eq!(opened.signed_at, vectors::time(&file, "/db/timestamp_epoch"));
    // A purpose has its own salt: a row is no cookie.
    assert!(build(&json!({})).opener.open(data).is_err());
    vectors::assert_nothing_else_passes(data, Some(':'), |text| row.open(text));
}

#[test]
fn one_changed_bit_and_one_missing_character_are_refused() {
    let file = vectors::read(VECTORS);
    let django = build(&json!({"fields": {"subject": "uid"}}));
    for entry in file.pointer("/signed_cookies/vectors").unwrap().as_array().unwrap() {
        let cookie = vectors::text(entry, "/cookie");
        vectors::assert_nothing_else_passes(cookie, Some(':'), |text| django.opener.open(text));
    }
}

#[test]
fn it_ends_at_its_age_and_may_come_from_the_future() {
    let django = build(&json!({"session_cookie_age": "1h"}));
    let cookie = sign(&session(&json!({})));
    assert_eq!(django.decide(&cookie, at(3599)).unwrap().expires_at, Some(at(3600)));
    assert_eq!(django.decide(&cookie, at(3600)), Err(EXPIRED));
    assert_eq!(django.decide(&cookie, at(-60)).unwrap().expires_at, Some(at(3600)));
}

#[test]
fn a_session_may_ask_for_a_sooner_end_and_no_later_one() {
    let django = build(&json!({}));
    for (asked, end) in [
        (json!(300), 300),
        (json!(-1), -1),
        (json!(0), 1_209_600),
        (json!(null), 1_209_600),
        (json!(30_000_000), 1_209_600),
        (json!(i64::MIN), i64::MIN),
        (json!("2023-11-14T22:15:00.5+00:00"), 100),
        (json!("2024-11-14T22:15:00+00:00"), 1_209_600),
        (json!("2023-11-14T22:15:00"), 1_209_600),
    ] {
        let verdict = django.decide(&sign(&session(&json!({"_session_expiry": asked}))), SIGNED_AT);
        if end > 0 {
            assert_eq!(verdict.unwrap().expires_at, Some(at(end)), "{asked}");
        } else {
            assert_eq!(verdict, Err(EXPIRED), "{asked}");
        }
    }
}

#[test]
fn a_log_in_counts_while_its_backend_does() {
    let ldap = session(&json!({"_auth_user_backend": "django_auth_ldap.backend.LDAPBackend"}));
    let nameless = session(&json!({"_auth_user_backend": null}));
    let django = build(&json!({}));
    let (hashless, no_hash) =
        (session(&json!({"_auth_user_hash": null})), session(&json!({"_auth_user_hash": ""})));
    for session in [&ldap, &nameless, &hashless, &no_hash, &json!({"_auth_user_id": "1"})] {
        let verdict = django.decide(&sign(session), SIGNED_AT);
        assert!(matches!(verdict, Err(ValidateError::Rejected(_))), "{session}");
    }
    let both = json!({"authentication_backends": ["x", "django_auth_ldap.backend.LDAPBackend"]});
    assert!(build(&both).decide(&sign(&ldap), SIGNED_AT).is_ok());
}

#[test]
fn a_session_without_a_log_in_proves_nobody() {
    for session in [json!({}), json!({"_csrftoken": "x"}), session(&json!({"_auth_user_id": ""}))] {
        let verdict = build(&json!({})).decide(&sign(&session), SIGNED_AT);
        assert!(matches!(verdict, Err(ValidateError::Rejected(_))), "{session}");
    }
}

#[test]
fn what_cannot_be_decoded_is_malformed() {
    let bomb = URL_SAFE_NO_PAD.encode(compress_to_vec_zlib(&vec![b' '; 70_000], 9));
    let signed = ["e30", "e30:", ":1r31eq", "e30:1r31_q", "e30:zzzzzzzzzzzzzzzzzzzz"];
    let payloads = ["bm8", "W10", "MQ", "e31:", "e3", ".e30", ".eJw", &format!(".{bomb}")];
    let payloads = payloads.iter().map(|payload| format!("{payload}:1r31eq"));
    let bad = signed.iter().map(|text| (*text).to_owned()).chain(payloads).map(|t| sign_text(&t));
    for text in bad.chain(["e30".to_owned(), "e30:1r31eq:".to_owned(), "::".to_owned()]) {
        let verdict = build(&json!({})).decide(&text, SIGNED_AT);
        assert!(matches!(verdict, Err(ValidateError::Malformed(_))), "{text}: {verdict:?}");
    }
}

#[test]
fn settings_that_verify_nothing_or_anything_are_refused() {
    let mut problems = Problems::default();
    let settings: Settings = serde_json::from_value(json!({"secret_key": "short",
        "secret_key_fallbacks": [SECRET, "short"], "session_cookie_age": 0,
        "authentication_backends": []}))
    .unwrap();
    assert!(settings.build("v", &mut problems).is_none());
    let mut paths: Vec<_> = problems.into_vec().into_iter().map(|p| p.path).collect();
    paths.sort();
    let want = [
        "v.authentication_backends",
        "v.secret_key",
        "v.secret_key_fallbacks.1",
        "v.session_cookie_age",
    ];
    assert_eq!(paths, want);
}

proptest! {
    #[test]
    fn no_text_passes_or_panics(text in "\\.?\\PC{0,40}(:[A-Za-z0-9_-]{0,8}){0,2}(:[A-Za-z0-9_-]{43})?") {
        let verdict = build(&json!({})).decide(&text, SIGNED_AT);
        prop_assert!(verdict.is_err());
    }

    #[test]
    fn no_signed_text_panics(payload in "\\.?[A-Za-z0-9_-]{1,60}", time in "[A-Za-z0-9]{1,14}") {
        let _ = build(&json!({})).decide(&sign_text(&format!("{payload}:{time}")), SIGNED_AT);
    }

    #[test]
    fn what_is_deflated_is_what_is_read(groups in prop::collection::vec("[a-z]{1,10}", 0..40)) {
        let session = session(&json!({"groups": groups}));
        let deflated = compress_to_vec_zlib(session.to_string().as_bytes(), 6);
        let cookie = sign_text(&format!(".{}:1r31eq", URL_SAFE_NO_PAD.encode(deflated)));
        let who = build(&json!({"fields": {"roles": "groups"}})).decide(&cookie, SIGNED_AT).unwrap();
        prop_assert_eq!(who.roles, groups);
    }
}
