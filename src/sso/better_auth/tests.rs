//! A cookie of the real Better Auth, the checks that it makes, and what no input may do.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::sso::vectors;

const VECTORS: &str = include_str!("../../../tests/data/vectors/better-auth.json");
const SECRET: &str = "better-auth-test-secret-0123456789abcdef";
/// The end of the copy in the vector, and of its session.
const COPY_END: i64 = 1_795_280_154;
const SESSION_END: Timestamp = Timestamp::from_secs(1_795_884_654);

fn build(extra: &Value) -> BetterAuth {
    let mut table = json!({"secrets": [SECRET]});
    table.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let mut problems = Problems::default();
    let settings: Settings = serde_json::from_value(table).unwrap();
    let built = settings.validator("v", &mut problems);
    built.unwrap_or_else(|| panic!("{:?}", problems.into_vec()))
}

/// Signs as the library does, given the text of a session.
fn sign_text(session: &str, end: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let open = session.strip_suffix('}').unwrap_or(session);
    let mac = hmac::sign(&key, format!("{open},\"expiresAt\":{end}}}").as_bytes());
    let mac = URL_SAFE_NO_PAD.encode(mac);
    let text = format!(r#"{{"session":{session},"expiresAt":{end},"signature":"{mac}"}}"#);
    URL_SAFE_NO_PAD.encode(text)
}

fn session() -> Value {
    json!({"session": {"id": "s1", "expiresAt": "2026-11-28T16:50:54.680Z"},
        "user": {"id": "u1", "role": "dev"}, "updatedAt": 1, "version": "1"})
}

fn verdict(session: &Value) -> Result<Verified, ValidateError> {
    let cookie = sign_text(&session.to_string(), "1795280154688");
    build(&json!({})).decide(&cookie, Timestamp::from_secs(COPY_END - 1))
}

#[test]
fn the_cookie_of_the_real_library_says_what_it_says() {
    let file = vectors::read(VECTORS);
    assert_eq!(vectors::text(&file, "/secret"), SECRET);
    let cookie = vectors::text(&file, "/session_data_cookie");
    assert!(vectors::text(&file, "/set_cookie/1").contains(cookie));
    let validator = build(&json!({"fields": {"attributes": {"email": "/user/email"}}}));
    let opened = validator.opener.open(cookie).unwrap();
    assert_eq!(opened.session, file["session_data_decoded"]["session"]);
    assert_eq!(opened.expires_at.secs(), COPY_END);
    for (member, place) in [("session", "/getSession/session"), ("user", "/user_row")] {
        assert_eq!(Some(&opened.session[member]), file.pointer(place));
    }

    let who = validator.decide(cookie, Timestamp::from_secs(COPY_END - 1)).unwrap();
    assert_eq!(who.subject.as_str(), vectors::text(&file, "/user_row/id"));
    assert_eq!(who.session_id.as_deref(), Some(vectors::text(&file, "/session_row/id")));
    assert_eq!(who.expires_at, Some(SESSION_END));
    assert_eq!(who.attributes["email"], "alice@example.test");
}

#[test]
fn one_changed_bit_and_one_missing_character_are_refused() {
    let file = vectors::read(VECTORS);
    let validator = build(&json!({}));
    let cookie = vectors::text(&file, "/session_data_cookie");
    vectors::assert_nothing_else_passes(cookie, None, |text| validator.opener.open(text));
}

#[test]
fn a_changed_bit_of_the_text_inside_is_refused() {
    let inside = sign_text(&session().to_string(), "1795280154688");
    let inside = URL_SAFE_NO_PAD.decode(inside).unwrap();
    let validator = build(&json!({}));
    for at in 0..inside.len() {
        for bit in 0..8 {
            let mut changed = inside.clone();
            changed[at] ^= 1 << bit;
            assert!(validator.opener.open(&URL_SAFE_NO_PAD.encode(changed)).is_err());
        }
    }
}

#[test]
fn it_ends_with_the_copy_and_with_the_session() {
    let file = vectors::read(VECTORS);
    let cookie = vectors::text(&file, "/session_data_cookie");
    let copy = ValidateError::Rejected("cached copy has expired");
    let verdict = build(&json!({})).decide(cookie, Timestamp::from_secs(COPY_END));
    assert_eq!(verdict, Err(copy));

    let long = sign_text(&session().to_string(), "9999999999999");
    let before = Timestamp::from_secs(SESSION_END.secs() - 1);
    assert!(build(&json!({})).decide(&long, before).is_ok());
    let ended = ValidateError::Rejected("session has ended");
    assert_eq!(build(&json!({})).decide(&long, SESSION_END), Err(ended));
}

#[test]
fn a_copy_of_another_version_is_refused() {
    let mut session = session();
    session["version"] = json!("2");
    assert!(matches!(verdict(&session), Err(ValidateError::Rejected(_))));
    let cookie = sign_text(&session.to_string(), "1795280154688");
    let now = Timestamp::from_secs(COPY_END - 1);
    assert!(build(&json!({"version": "2"})).decide(&cookie, now).is_ok());
    session.as_object_mut().unwrap().shift_remove("version");
    assert!(verdict(&session).is_ok(), "none is version 1");
}

#[test]
fn every_live_secret_verifies_and_no_other() {
    let cookie = sign_text(&session().to_string(), "1795280154688");
    let now = Timestamp::from_secs(COPY_END - 1);
    let new = "the-new-better-auth-secret";
    let wrong = ValidateError::Rejected("MAC does not verify");
    assert_eq!(build(&json!({"secrets": [new]})).decide(&cookie, now), Err(wrong));
    assert!(build(&json!({"secrets": [new, SECRET]})).decide(&cookie, now).is_ok());
}

#[test]
fn a_session_that_says_too_little_proves_nobody() {
    for (pointer, value) in [
        ("/user/id", json!(null)),
        ("/session/expiresAt", json!(null)),
        ("/session/expiresAt", json!(1_795_884_654_680_i64)),
        ("/session/expiresAt", json!("soon")),
        ("/session/id", json!([])),
    ] {
        let mut session = session();
        *session.pointer_mut(pointer).unwrap() = value;
        let verdict = verdict(&session);
        assert!(matches!(verdict, Err(ValidateError::Rejected(_))), "{pointer}: {verdict:?}");
    }
}

#[test]
fn what_cannot_be_decoded_is_malformed() {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let good = session().to_string();
    for cookie in [
        "e3".to_owned(),
        encode("{}"),
        encode("\u{e9}"),
        URL_SAFE_NO_PAD.encode([0xff]),
        encode(r#"{"session":{},"expiresAt":"1","signature":""}"#),
        encode(r#"{"session":[],"expiresAt":1,"signature":""}"#),
        encode(r#"{"session":{,"expiresAt":1,"signature":""}"#),
        encode(r#"{"session":{}, "expiresAt":1,"signature":""}"#),
        sign_text("{no}", "1795280154688"),
        sign_text(&good, "99999999999999999999"),
    ] {
        let verdict = build(&json!({})).decide(&cookie, Timestamp::from_secs(0));
        assert!(matches!(verdict, Err(ValidateError::Malformed(_))), "{cookie}: {verdict:?}");
    }
}

proptest! {
    #[test]
    fn no_text_passes_or_panics(
        session in "\\PC{0,30}", end in "[0-9e.,]{0,20}", mac in "[A-Za-z0-9_-]{42,44}", raw in "\\PC{0,40}",
    ) {
        let text = format!(r#"{{"session":{session},"expiresAt":{end},"signature":"{mac}"}}"#);
        let validator = build(&json!({}));
        prop_assert!(validator.decide(&URL_SAFE_NO_PAD.encode(text), SESSION_END).is_err());
        prop_assert!(validator.decide(&raw, SESSION_END).is_err());
    }

    #[test]
    fn what_is_signed_is_what_is_read(id in "\\PC{1,30}", name in "\\PC{0,30}") {
        let mut session = session();
        session["user"] = json!({"id": "u1", "name": name, "expiresAt": id, "signature": id});
        session["session"]["id"] = json!(id);
        let who = verdict(&session).unwrap();
        prop_assert_eq!(who.session_id, Some(id));
    }
}
