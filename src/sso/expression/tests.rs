//! Expressions: what they can say, what is refused when they are compiled, and that no
//! evaluation takes longer than it may.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use super::*;

const AT: Timestamp = Timestamp::from_secs(1_795_278_000);

fn evaluate(source: &str, document: &Value) -> Result<Option<Value>, Failed> {
    Expression::compile(source).unwrap().strictly(&Scope::new(document, AT))
}

#[test]
fn values_go_in_and_out_as_json() {
    let document =
        json!({"a": [1, -2, 1.5, true, null, "x", {"b": 18_446_744_073_709_551_615_u64}]});
    assert_eq!(evaluate("session.a", &document), Ok(Some(document["a"].clone())));
    assert_eq!(evaluate("session", &document), Ok(Some(document)));
}

#[test]
fn numbers_of_a_session_can_be_calculated_with() {
    let session = json!({"exp": 1_795_278_060, "start": "2026-11-21T16:20:00Z", "level": "7"});
    for (source, want) in [
        ("session.exp + 60", json!(1_795_278_120)),
        ("session.exp - now", json!(60)),
        ("epoch(session.start) + 3600", json!(1_795_281_600)),
        ("int(session.level) > 6", json!(true)),
        ("session.exp > now ? 'yes' : 'no'", json!("yes")),
        ("size(session.level)", json!(1)),
        ("type(session.level) == string", json!(true)),
    ] {
        assert_eq!(evaluate(source, &session), Ok(Some(want)), "{source}");
    }
}

#[test]
fn texts_and_lists_can_be_taken_apart() {
    let session = json!({"dn": "cn=Ann,ou=Staff,o=Acme", "groups": ["b", "a"], "m": {"k": 1}});
    for (source, want) in [
        ("session.dn.split(',')[1].substring(3)", json!("Staff")),
        ("session.groups.join(' ')", json!("b a")),
        ("session.groups.exists(g, g == 'a')", json!(true)),
        ("session.groups.all(g, g.size() == 1)", json!(true)),
        ("session.groups.exists_one(g, g == 'a')", json!(true)),
        ("'a' in session.groups", json!(true)),
        ("session.dn.replace('=', ':').contains('cn:Ann')", json!(true)),
        ("session.groups + ['c']", json!(["b", "a", "c"])),
        ("session.m.map(k, k)", json!(["k"])),
        ("{'b': 1, 'a': session.groups}", json!({"a": ["b", "a"], "b": 1})),
        ("session.?gone.?deep.orValue('d')", json!("d")),
        ("session.?dn.optMap(d, d.size()).orValue(0)", json!(22)),
    ] {
        assert_eq!(evaluate(source, &session), Ok(Some(want)), "{source}");
    }
    assert_eq!(evaluate("session.?gone", &session), Ok(None));
    assert_eq!(evaluate("null", &session), Ok(None));
}

#[test]
fn failures_name_the_rule_and_no_value() {
    let session = json!({"secret": "hunter2", "n": 9_223_372_036_854_775_807_i64});
    for (source, want) in [
        ("session.gone", MISSING.0),
        ("session['gone']", MISSING.0),
        ("session.secret + 1", "expression does not fit the types in the session"),
        ("session.secret.gone", "expression does not fit the types in the session"),
        ("session.n + 1", "expression's number is too large"),
        ("session.n / 0", "expression divides by zero"),
        ("[session.n][7]", "expression's index is out of bounds"),
        ("epoch(session.secret)", "expression calls a function wrongly"),
        ("session.secret.substring(99)", "expression calls a function wrongly"),
        ("b'x'", "expression's result is no JSON value"),
        ("{1: 2}", "expression's result is no JSON value"),
        ("0.0 / 0.0", "expression's result is no JSON value"),
    ] {
        assert_eq!(evaluate(source, &session), Err(Failed(want)), "{source}");
    }
    let present = Expression::compile("session.gone").unwrap();
    assert_eq!(present.evaluate(&Scope::new(&session, AT)), Ok(None));
}

#[test]
fn what_cannot_work_is_refused_when_it_is_compiled() {
    for (source, says) in [
        ("", "no CEL expression"),
        ("session.", "no CEL expression"),
        ("session.user name", "no CEL expression"),
        ("response.a", "no variable \"response\""),
        ("session.a.map(x, y)", "no variable \"y\""),
        ("session.matches('a')", "no function \"matches\""),
        ("'%s'.format([session])", "no function \"format\""),
        ("session.x.indexOf('y')", "no function \"indexOf\""),
        ("session.a.foo_bar()", "no function \"foo_bar\""),
        ("google.protobuf.Any{}", "must not make objects"),
    ] {
        let error = Expression::compile(source).unwrap_err();
        assert!(error.contains(says), "{source}: {error}");
    }
}

#[test]
fn no_expression_of_any_form_is_too_deep_or_too_large() {
    let nested = |open: &str, close: &str| {
        let n = (MAX_LEN - 1) / (open.len() + close.len());
        format!("{}1{}", open.repeat(n), close.repeat(n))
    };
    let chained = |link: &str| format!("1{}", link.repeat((MAX_LEN - 1) / link.len()));
    for source in [
        nested("(", ")"),
        nested("[", "]"),
        nested("{1:", "}"),
        nested("!", ""),
        nested("-", ""),
        nested("true?1:", ""),
        nested("size(", ")"),
        nested("[", ""),
        nested("\"", ""),
        chained("+1"),
        chained("&&1"),
        chained(".a"),
        chained("[0]"),
        chained("?1:1"),
        "x".repeat(MAX_LEN + 1),
        "é".repeat(MAX_LEN / 2),
    ] {
        let begun = Instant::now();
        // Even unary operators cancel out, so that some of them are fine.
        let compiled = Expression::compile(&source);
        assert!(compiled.is_ok() || compiled.is_err());
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", &source[..12]);
    }
}

#[test]
fn what_multiplies_the_session_is_refused_when_it_is_compiled() {
    for source in [
        "session.a.map(x, session.a.map(y, session.a.map(z, 1)))",
        "session.a.map(x, session.a.map(y, session.a))",
        "session.a.map(x, session.a.map(y, x + y + session.t))",
        "session.t.replace('', session.t).replace('', session.t)",
        "session.a.map(x, session.t.replace('', session.t))",
    ] {
        assert!(Expression::compile(source).is_err(), "{source}");
    }
}

/// The worst that is let through, on the heaviest session that each of them may see.
#[test]
fn no_evaluation_takes_longer_than_it_may() {
    for source in [
        "session.a.map(x, session.t + x)",
        "session.a.filter(x, x in session.a)",
        "session.a.exists(x, session < x)",
        "session.a.map(x, session.a)",
        "session.a.all(x, session.a.all(y, true))",
        "session.t.split('')",
        "session.t.replace('a', 'bbbbbbbbbbbbbbbb')",
        "session.a.join(session.t)",
        "session == session && [session, session] == [session, session]",
        "session.a.map(x, x.startsWith('app-') ? [x] : [])",
        "session.a.map(x, [x, x, x]).map(y, y + y)",
        "session.?a.?b.?c.orValue(session).size()",
    ] {
        let expression = Expression::compile(source).unwrap();
        let weight = usize::try_from(expression.max_weight).unwrap();
        for (texts, items) in
            [(weight / 2, weight / 2), (0, weight), (weight, 0), (weight / 9, weight / 2)]
        {
            let items: Vec<_> =
                (0..items.saturating_sub(200) / 23).map(|n| format!("{n:07}")).collect();
            let session = json!({"a": items, "t": "a".repeat(texts.saturating_sub(200))});
            let scope = Scope::new(&session, AT);
            let begun = Instant::now();
            let result = expression.strictly(&scope);
            let took = begun.elapsed();
            assert_ne!(result, Err(Failed("session is too large for the expression")), "{source}");
            // A debug build on a busy machine: what is allowed is some tens of milliseconds.
            assert!(took < Duration::from_secs(3), "{source}: {took:?}");
        }
        let heavy = json!({"a": vec!["a"; weight / 17 + 1], "t": ""});
        let refused = expression.strictly(&Scope::new(&heavy, AT));
        assert_eq!(refused, Err(Failed("session is too large for the expression")), "{source}");
    }
}

#[test]
fn expressions_that_only_look_may_look_at_large_sessions() {
    for (source, least) in [
        ("session.user.name", 400_000),
        ("session.groups.filter(g, g.startsWith('app-')).map(g, g.substring(4))", 60_000),
        ("session.groups.exists(g, g == 'admin')", 60_000),
        ("session.first + ' ' + session.last", 200_000),
        ("session.groups.map(g, g + '@' + session.realm)", 4_000),
        ("session.groups.filter(g, g in session.allowed)", 4_000),
        ("session.plans.map(p, {'id': p.n, 'user_id': session.user.name})", 3_000),
    ] {
        let weight = Expression::compile(source).unwrap().max_weight;
        assert!(weight >= least, "{source}: {weight}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(source in "[a-z0-9.()\\[\\]{}?:!&|+*/<>=,'\" -]{0,40}") {
        let _ = Expression::compile(&source);
    }

    #[test]
    fn whatever_compiles_evaluates_to_something(
        source in "(session|now|\\(session\\.[ab]\\))(\\.[ab]|\\[0\\]|\\.size\\(\\)|\\.\\?a| [+<=-]{1,2} 1| in session|\\.split\\('a'\\)){0,4}",
        text in "[a-c]{0,9}",
    ) {
        let session = json!({"a": [text, 1, {"b": [2]}], "b": text});
        if let Ok(expression) = Expression::compile(&source) {
            let _ = expression.strictly(&Scope::new(&session, AT));
        }
    }
}
