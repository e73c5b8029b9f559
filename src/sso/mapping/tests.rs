//! The mapping on documents: places, shapes, ends, expressions and conditions.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const AT: Timestamp = Timestamp::from_secs(1_000);

fn fields(table: Value) -> Fields {
    serde_json::from_value(table).unwrap()
}

fn claims() -> Mapping {
    Fields::default().claims()
}

fn mapping() -> Mapping {
    fields(json!({
        "subject": "/user/id", "roles": "/realm_access/roles", "accounts": "accounts",
        "session_id": "sid", "attributes": {"mail": "email"},
    }))
    .mapping("sub")
}

fn rejected(rule: &'static str) -> Result<Verified, ValidateError> {
    Err(ValidateError::Rejected(rule))
}

fn upstream(rule: &str) -> Result<Verified, ValidateError> {
    Err(ValidateError::Upstream(rule.to_owned()))
}

#[test]
fn facts_are_found_by_name_or_pointer() {
    let document = json!({
        "user": {"id": 17}, "realm_access": {"roles": ["a", "b"]}, "email": "x", "sid": "s",
        "accounts": ["1663", 7, {"id": "9", "user_id": "u"}],
    });
    let who = mapping().apply(&document, None, AT).unwrap();
    assert_eq!(who.subject.as_str(), "17");
    assert_eq!(who.roles, ["a", "b"]);
    assert_eq!(who.session_id.as_deref(), Some("s"));
    assert_eq!(who.attributes["mail"], "x");
    let ids: Vec<_> = who.accounts.iter().map(|a| a.id.as_str()).collect();
    assert_eq!(ids, ["1663", "7", "9"]);
    assert_eq!(who.accounts[2].user_id.as_deref(), Some("u"));
}

#[test]
fn wrong_shapes_are_refused_not_skipped() {
    for (document, rule) in [
        (json!({}), "subject is missing"),
        (json!({"sub": null}), "subject is missing"),
        (json!({"sub": ""}), "subject has a wrong shape"),
        (json!({"sub": 1.5}), "subject has a wrong shape"),
        (json!({"sub": "a\nb"}), "subject has a wrong shape"),
        (json!({"sub": "a", "roles": {"admin": true}}), "roles have a wrong shape"),
        (json!({"sub": "a", "roles": ["x", 1]}), "roles have a wrong shape"),
        (json!({"sub": "a", "accounts": [{}]}), "accounts have a wrong shape"),
        (json!({"sub": "a", "accounts": vec!["x"; 65]}), "accounts have a wrong shape"),
        (json!({"sub": "a", "sid": ["x"]}), "session id has a wrong shape"),
    ] {
        assert_eq!(claims().apply(&document, None, AT), rejected(rule), "{document}");
        assert_eq!(claims().of_answers().apply(&document, None, AT), upstream(rule), "{document}");
    }
}

fn end_of(session: Value, end: Option<i64>) -> Result<Option<i64>, ValidateError> {
    let mapping = fields(json!({"subject": "user_id", "expires_at": "until"}));
    let mapping = mapping.mapping("sub").that_must_end();
    let who = mapping.apply(&session, end.map(Timestamp::from_secs), AT)?;
    Ok(who.expires_at.map(Timestamp::secs))
}

#[test]
fn the_earlier_end_counts() {
    assert_eq!(end_of(json!({"user_id": 1, "until": 2_000}), None), Ok(Some(2_000)));
    assert_eq!(end_of(json!({"user_id": 1, "until": 2_000}), Some(1_500)), Ok(Some(1_500)));
    assert_eq!(end_of(json!({"user_id": 1, "until": 1_500}), Some(2_000)), Ok(Some(1_500)));
}

#[test]
fn a_session_that_is_over_is_rejected() {
    assert_eq!(end_of(json!({"user_id": 1, "until": 1_000}), None), Err(EXPIRED));
    assert_eq!(end_of(json!({"user_id": 1, "until": 2_000}), Some(1_000)), Err(EXPIRED));
}

#[test]
fn no_time_is_not_for_ever() {
    for until in [json!(null), json!("2000"), json!(2e3), json!(-1), json!(1_u64 << 60)] {
        let verdict = end_of(json!({"user_id": 1, "until": until}), None);
        assert_eq!(verdict, Err(ValidateError::Rejected("expires_at is no time")), "{until}");
    }
}

#[test]
fn a_visitor_who_has_not_signed_in_is_rejected() {
    let verdict = end_of(json!({"csrf": "x", "until": 2_000}), None);
    assert_eq!(verdict, Err(ValidateError::Rejected("subject is missing")));
}

#[test]
fn a_subject_must_be_configured() {
    let named = |table: Value| serde_json::from_value::<NamedFields>(table).is_ok();
    assert!(named(json!({"subject": "a"})) && named(json!({"subject": {"cel": "session.a"}})));
    assert!(!named(json!({"roles": "roles"})));
    assert!(!named(json!({"subject": "a", "x": "b"})));
}

#[test]
fn every_field_may_be_an_expression() {
    let mapping = fields(json!({
        "subject": {"cel": "session.user.name.lowerAscii()"},
        "user_id": {"cel": "string(session.user.id)"},
        "roles": {"cel": "session.groups.filter(g, g.startsWith('app-')).map(g, g.substring(4))"},
        "accounts": {"cel": "session.plans.map(p, {'id': p.number, 'user_id': session.user.name})"},
        "session_id": {"cel": "session.?handle.orValue('none')"},
        "expires_at": {"cel": "session.started + 3600"},
        "active": {"cel": "session.state in ['on', 'idle']"},
        "attributes": {"plan": {"cel": "session.plans[0].name"}, "none": {"cel": "session.?x"}},
    }));
    let document = json!({
        "user": {"name": "Ann", "id": 7}, "groups": ["app-reader", "other", "app-writer"],
        "plans": [{"number": 1663, "name": "gold"}], "started": 900, "state": "idle",
    });
    let who = mapping.mapping("sub").apply(&document, None, AT).unwrap();
    assert_eq!((who.subject.as_str(), who.user_id.as_deref()), ("ann", Some("7")));
    assert_eq!(who.roles, ["reader", "writer"]);
    assert_eq!(who.accounts[0].id.as_str(), "1663");
    assert_eq!(who.accounts[0].user_id.as_deref(), Some("Ann"));
    assert_eq!(who.session_id.as_deref(), Some("none"));
    assert_eq!(who.expires_at, Some(Timestamp::from_secs(4_500)));
    assert_eq!(json!(who.attributes), json!({"plan": "gold"}));
}

#[test]
fn a_member_that_is_not_there_is_absent_and_any_other_failure_is_upstream() {
    let subject = |cel: &str| fields(json!({"subject": {"cel": cel}})).mapping("sub");
    let visitor = json!({"csrf": "x"});
    let verdict = subject("session.user.name").apply(&visitor, None, AT);
    assert_eq!(verdict, rejected("subject is missing"));
    let verdict = subject("session.csrf + 1").apply(&visitor, None, AT);
    assert!(matches!(verdict, Err(ValidateError::Upstream(_))), "{verdict:?}");
}

#[test]
fn conditions_refuse_and_fail_closed() {
    let mapping = |cel: &str| {
        let deny_if = json!([{"cel": cel, "reason": "user is banned"}]);
        fields(json!({"deny_if": deny_if})).mapping("sub")
    };
    let document = json!({"sub": "ann", "banned": true, "level": 3, "until": 999});
    for refuses in ["session.banned", "session.level < 4", "session.until < now"] {
        let verdict = mapping(refuses).apply(&document, None, AT);
        assert_eq!(verdict, rejected("user is banned"), "{refuses}");
    }
    for lets_pass in ["!session.banned", "has(session.gone)", "session.until > now"] {
        assert!(mapping(lets_pass).apply(&document, None, AT).is_ok(), "{lets_pass}");
    }
    for unclear in ["session.gone", "session.level", "session.sub < 3", "1 / 0 == 1", "null"] {
        let verdict = mapping(unclear).apply(&document, None, AT);
        assert!(matches!(verdict, Err(ValidateError::Upstream(_))), "{unclear}: {verdict:?}");
    }
}

#[test]
fn somebody_who_is_nobody_is_not_denied_but_rejected() {
    let table = json!({"deny_if": [{"cel": "session.user.banned", "reason": "banned"}]});
    let verdict = fields(table).mapping("sub").apply(&json!({"csrf": 1}), None, AT);
    assert_eq!(verdict, rejected("subject is missing"));
}

#[test]
fn tables_that_cannot_work_are_refused() {
    for (table, says) in [
        (json!({"subject": {"cel": "session."}}), "no CEL expression"),
        (json!({"subject": {"cel": "user.name"}}), "no variable \"user\""),
        (json!({"subject": {"cel": "session.matches('a*')"}}), "no function \"matches\""),
        (json!({"subject": {"cel": "'a'", "x": 1}}), "\"cel\" only"),
        (json!({"subject": {}}), "must be a text or"),
        (json!({"subject": ""}), "must not be empty"),
        (json!({"attributes": {"iss": "issuer"}}), "\"iss\""),
        (json!({"attributes": {"AccountId": "x"}}), "\"AccountId\""),
        (json!({"deny_if": [{"cel": "true"}]}), "reason"),
        (json!({"deny_if": [{"cel": "true", "reason": " "}]}), "reason"),
        (json!({"deny_if": [{"cel": "session.", "reason": "x"}]}), "no CEL expression"),
    ] {
        let error = serde_json::from_value::<Fields>(table.clone()).unwrap_err().to_string();
        assert!(error.contains(says), "{table}: {error}");
    }
}

proptest! {
    #[test]
    fn no_document_panics(text in "[\\[\\]{}\",:a-z0-9/ ]{0,60}") {
        let expression = fields(json!({"subject": {"cel": "session.a[0] + string(session.b)"}}));
        if let Ok(document) = serde_json::from_str::<Value>(&text) {
            let _ = claims().apply(&document, None, AT);
            let _ = mapping().apply(&document, None, AT);
            let _ = expression.mapping("sub").apply(&document, None, AT);
        }
    }
}
