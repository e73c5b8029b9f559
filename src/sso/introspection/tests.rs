//! What an answer means, member by member and error by error.

use std::time::Duration;

use proptest::prelude::*;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::answer::{Rules, document};
use crate::domain::{Timestamp, Verified};
use crate::sso::ValidateError;
use crate::sso::asks::Hint;
use crate::sso::fetch::Answer;
use crate::sso::jwt::claims::Expected;
use crate::sso::mapping::Fields;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn rules() -> Rules {
    Rules {
        issuer: Expected::Unchecked,
        audience: Expected::Unchecked,
        client_id: Expected::Unchecked,
        token_type: None,
        scopes: Vec::new(),
        leeway: Duration::from_secs(30),
        mapping: Fields::default().claims().of_answers().where_nobody_is("nobody"),
    }
}

fn strict() -> Rules {
    let one = |text: &str| Expected::OneOf(vec![text.to_owned()]);
    Rules {
        issuer: one("https://idp"),
        audience: one("gateway"),
        client_id: one("app"),
        token_type: Some("Bearer".to_owned()),
        scopes: vec!["read".to_owned(), "write".to_owned()],
        ..rules()
    }
}

/// An answer that `strict` accepts, with changes; `null` takes a member out.
fn answer(changes: Value) -> Value {
    let mut answer = json!({"active": true, "sub": "ann", "iss": "https://idp", "aud": "gateway",
        "client_id": "app", "token_type": "Bearer", "scope": "openid write read",
        "exp": NOW.secs() + 60, "iat": NOW.secs()});
    answer.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    answer
}

fn name(verdict: &Result<Verified, ValidateError>) -> &'static str {
    match verdict {
        Ok(_) => "verified",
        Err(ValidateError::Rejected(_)) => "rejected",
        Err(ValidateError::Upstream(_)) => "upstream",
        Err(_) => "something else",
    }
}

#[test]
fn an_active_token_is_what_is_expected_or_rejected() {
    for (changes, want) in [
        (json!({}), "verified"),
        (json!({"aud": ["other", "gateway"]}), "verified"),
        (json!({"token_type": "bearer"}), "verified"),
        (json!({"scope": ["read", "write"]}), "verified"),
        (json!({"username": null, "cnf": null}), "verified"),
        (json!({"active": false}), "rejected"),
        (json!({"active": null}), "upstream"),
        (json!({"active": "true"}), "upstream"),
        (json!({"active": 1}), "upstream"),
        (json!({"iss": "https://idp/"}), "rejected"),
        (json!({"iss": ["https://idp"]}), "rejected"),
        (json!({"iss": null}), "upstream"),
        (json!({"aud": "other"}), "rejected"),
        (json!({"aud": ["other"]}), "rejected"),
        (json!({"aud": null}), "rejected"),
        (json!({"client_id": "other"}), "rejected"),
        (json!({"client_id": ["app"]}), "rejected"),
        (json!({"client_id": null}), "rejected"),
        (json!({"token_type": "DPoP"}), "rejected"),
        (json!({"token_type": null}), "rejected"),
        (json!({"scope": "read"}), "rejected"),
        (json!({"scope": "read writes"}), "rejected"),
        (json!({"scope": null}), "rejected"),
        (json!({"cnf": {"jkt": "x"}}), "rejected"),
        (json!({"cnf": {}}), "rejected"),
        (json!({"sub": null}), "rejected"),
        (json!({"sub": {"id": 1}}), "upstream"),
        (json!({"roles": 7}), "upstream"),
    ] {
        assert_eq!(name(&strict().judge(&answer(changes.clone()), NOW)), want, "{changes}");
    }
    // Nothing of that is looked at where nothing is expected.
    let bare = json!({"active": true, "sub": "ann"});
    assert_eq!(name(&rules().judge(&bare, NOW)), "verified");
    for document in [json!([]), json!(null), json!("active"), json!({})] {
        assert_eq!(name(&rules().judge(&document, NOW)), "upstream", "{document}");
    }
}

#[test]
fn times_may_have_fractions() {
    let at = |secs: i64| NOW.secs() + secs;
    let end = |exp: Value| {
        let verdict = rules().judge(&answer(json!({ "exp": exp })), NOW);
        verdict.map(|who| who.expires_at.map(|end| end.since(NOW)))
    };
    assert_eq!(end(json!(at(60))), Ok(Some(60)));
    assert_eq!(end(json!(at(60) as f64 + 0.999)), Ok(Some(60)));
    assert_eq!(end(json!(1_796_143_472.761_368)), Ok(Some(1_796_143_472 - NOW.secs())));
    assert_eq!(end(json!(null)), Ok(None));
    // Inside the leeway the end is the end of the leeway.
    assert_eq!(end(json!(at(0))), Ok(Some(30)));
    assert_eq!(end(json!(at(-29))), Ok(Some(1)));
    assert_eq!(end(json!(at(-30))), Err(ValidateError::Rejected("token has expired")));
    for exp in [json!("1800000000"), json!(-1), json!(1e300), json!([1]), json!(true)] {
        assert!(matches!(end(exp.clone()), Err(ValidateError::Upstream(_))), "{exp}");
    }
    for (nbf, want) in [(30, "verified"), (31, "rejected")] {
        let soon = answer(json!({ "nbf": at(nbf) }));
        assert_eq!(name(&rules().judge(&soon, NOW)), want);
    }
}

fn http(status: u16, is_json: bool, body: &str) -> Answer {
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        retry_after: Some(Duration::from_secs(7)),
        hint: Hint::default(),
        is_json,
        body: body.as_bytes().to_vec(),
    }
}

/// The verdict, and whether it says nothing of the endpoint's health.
fn fault(answer: &Answer) -> (&'static str, bool) {
    let fault = document(answer).unwrap_err();
    let name = match &fault.error {
        ValidateError::Malformed(_) => "malformed",
        ValidateError::Rejected(_) => "rejected",
        ValidateError::Unavailable { retry_after, .. } => {
            assert_eq!(*retry_after, Some(Duration::from_secs(7)));
            "unavailable"
        }
        ValidateError::Upstream(_) => "upstream",
    };
    (name, fault.is_alive)
}

#[test]
fn an_error_is_never_a_verdict_on_the_token() {
    let error = |code: &str| json!({"error": code, "error_description": "x"}).to_string();
    for (status, code, want, is_alive) in [
        (400, "unsupported_token_type", "malformed", true),
        (200, "unsupported_token_type", "malformed", true),
        (401, "invalid_client", "upstream", false),
        (400, "invalid_client", "upstream", false),
        (401, "invalid_token", "upstream", false),
        (400, "invalid_request", "upstream", true),
        (400, "unauthorized_client", "upstream", false),
        (403, "access_denied", "upstream", false),
        (403, "anything", "upstream", false),
        (400, "temporarily_unavailable", "unavailable", false),
        (500, "server_error", "unavailable", false),
        (503, "anything", "unavailable", false),
        (429, "slow_down", "unavailable", false),
        (429, "invalid_request", "unavailable", false),
    ] {
        let answer = http(status, true, &error(code));
        assert_eq!(fault(&answer), (want, is_alive), "{status} {code}");
    }
    for (status, is_json, body, want) in [
        (401, false, "", "upstream"),
        (401, true, "{}", "upstream"),
        (403, false, "", "upstream"),
        (404, false, "", "upstream"),
        (302, false, "", "upstream"),
        (204, false, "", "upstream"),
        (200, false, r#"{"active": true}"#, "upstream"),
        (200, true, "not json", "upstream"),
        (400, true, r#"{"active": true}"#, "upstream"),
        (408, false, "", "unavailable"),
        (425, false, "", "unavailable"),
        (429, false, "", "unavailable"),
        (500, false, "", "unavailable"),
        (503, true, r#"{"active": false}"#, "unavailable"),
    ] {
        let answer = http(status, is_json, body);
        assert_eq!(fault(&answer), (want, false), "{status} {body}");
    }
    assert!(document(&http(200, true, r#"{"active": false}"#)).is_ok());
}

#[test]
fn no_error_quotes_the_endpoint() {
    let body = json!({"error": "secret", "error_description": "secret"}).to_string();
    let fault = document(&http(400, true, &body)).unwrap_err();
    assert!(!fault.error.to_string().contains("secret"), "{}", fault.error);
}

proptest! {
    #[test]
    fn no_answer_panics(text in "[\\[\\]{}\",:a-z0-9.eE-]{0,60}", status in 100_u16..600) {
        if let Ok(document) = document(&http(status, true, &text)) {
            let _ = strict().judge(&document, NOW);
        }
    }
}
