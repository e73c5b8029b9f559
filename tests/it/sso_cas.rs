//! The `cas` validator: what exactly it sends, that a ticket is asked about once, and what each
//! key of its table does. The contract and the outages are elsewhere.

use std::time::Duration;

use cambio::domain::Timestamp;
use serde_json::{Value, json};

use crate::fake_upstream::{Behaviour, Upstream, refusing_origin};
use crate::sso_fixtures::{NOW, cookie, cx, name, problem_paths, token, validator};

const SERVICE: &str = "https://app.example.com/login?next=/a b&x=ü";

pub(crate) fn table(origin: &str) -> Value {
    json!({"kind": "cas", "url": format!("{origin}/cas/p3/serviceValidate"), "service": SERVICE})
}

fn with(mut table: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        table[key] = value.clone();
    }
    table
}

/// An answer of a server that knows the ticket.
pub(crate) fn yes(inside: &str) -> Behaviour {
    xml(&format!("<cas:authenticationSuccess>{inside}</cas:authenticationSuccess>"))
}

/// An answer of a server that does not.
pub(crate) fn no(code: &str) -> Behaviour {
    xml(&format!("<cas:authenticationFailure code='{code}'>of ST-1</cas:authenticationFailure>"))
}

fn xml(inside: &str) -> Behaviour {
    let namespace = "xmlns:cas='http://www.yale.edu/tp/cas'";
    let body = format!("<cas:serviceResponse {namespace}>{inside}</cas:serviceResponse>");
    Behaviour::status(200, "content-type: application/xml\r\n", &body)
}

fn ann() -> Behaviour {
    yes("<cas:user>ann</cas:user><cas:attributes><cas:memberOf>time lords</cas:memberOf>\
         <cas:memberOf>staff</cas:memberOf><cas:mail>ann@example.org</cas:mail>\
         <cas:authenticationDate>2023-11-14T22:13:00Z[UTC]</cas:authenticationDate></cas:attributes>")
}

async fn verdict_on(behaviour: Behaviour, changes: Value) -> &'static str {
    let up = Upstream::start(behaviour).await;
    let validator = validator(with(table(&up.origin), changes));
    name(&validator.validate(&token("ST-1-abc"), &cx()).await)
}

#[tokio::test]
async fn the_user_and_the_attributes_are_mapped() {
    let up = Upstream::start(ann()).await;
    let fields = json!({"fields": {"roles": "/attributes/memberOf", "user_id": "/attributes/mail/0",
        "attributes": {"mail": "/attributes/mail/0", "none": "/attributes/none"}}});
    let validator = validator(with(table(&up.origin), fields));
    let who = validator.validate(&token("ST-1-abc"), &cx()).await.unwrap();
    assert_eq!(who.subject.as_str(), "ann");
    assert_eq!(who.roles, ["time lords", "staff"]);
    assert_eq!(who.user_id.as_deref(), Some("ann@example.org"));
    assert_eq!(serde_json::Value::Object(who.attributes), json!({"mail": "ann@example.org"}));
    assert_eq!((who.expires_at, who.claim), (None, None));
}

#[tokio::test]
async fn nothing_is_sent_but_the_ticket_and_the_service() {
    let up = Upstream::start(ann()).await;
    let host = up.origin.strip_prefix("http://").unwrap();
    let table = with(table(&up.origin), json!({"renew": true}));
    assert!(validator(table).validate(&cookie("ST-1-a.b_c"), &cx()).await.is_ok());
    let request = up.requests().concat().replace(host, "HOST").replace("\r\n", "\n");
    insta::assert_snapshot!(request, @r"
    GET /cas/p3/serviceValidate?service=https%3A%2F%2Fapp.example.com%2Flogin%3Fnext%3D%2Fa+b%26x%3D%C3%BC&renew=true&ticket=ST-1-a.b_c HTTP/1.1
    accept: */*
    user-agent: cambio
    host: HOST
    ");
}

#[tokio::test]
async fn what_is_no_service_ticket_is_not_asked_about() {
    let up = Upstream::start(ann()).await;
    let validator = validator(table(&up.origin));
    let long = format!("ST-{}", "a".repeat(254));
    for text in [
        "ST-",
        "PT-1-abc",
        "st-1-abc",
        "1-abc",
        "ST-1&service=x",
        "ST-1 a",
        "ST-1/../a",
        "ST-é",
        &long,
    ] {
        assert_eq!(name(&validator.validate(&token(text), &cx()).await), "malformed", "{text}");
    }
    assert!(up.requests().is_empty());
}

#[tokio::test]
async fn only_a_ticket_at_fault_is_rejected() {
    for (behaviour, want) in [
        (no("INVALID_TICKET"), "rejected"),
        (no("INVALID_TICKET_SPEC"), "rejected"),
        (no("INVALID_SERVICE"), "upstream"),
        (no("UNAUTHORIZED_SERVICE"), "upstream"),
        (no("INVALID_REQUEST"), "upstream"),
        (no("INTERNAL_ERROR"), "unavailable"),
        (
            yes("<cas:user>a</cas:user><cas:proxies><cas:proxy>p</cas:proxy></cas:proxies>"),
            "rejected",
        ),
        (yes("<cas:user></cas:user>"), "upstream"),
        (yes(""), "upstream"),
        (Behaviour::status(200, "", "<html>Log in</html>"), "upstream"),
        (Behaviour::status(302, "location: /login\r\n", ""), "upstream"),
        (Behaviour::status(401, "", ""), "upstream"),
        (Behaviour::status(404, "", ""), "upstream"),
        (Behaviour::status(503, "retry-after: 9\r\n", ""), "unavailable"),
    ] {
        let what = format!("{behaviour:?}");
        assert_eq!(verdict_on(behaviour, json!({})).await, want, "{what}");
    }
}

#[tokio::test]
async fn every_call_asks_and_the_server_says_who_was_first() {
    let up = Upstream::start(no("INVALID_TICKET")).await;
    up.once(ann());
    let validator = validator(table(&up.origin));
    up.hold();
    let ticket = token("ST-1-abc");
    let context = cx();
    let both = async {
        tokio::join!(validator.validate(&ticket, &context), validator.validate(&ticket, &context))
    };
    let ((one, other), ()) = tokio::join!(both, async {
        up.arrived(2).await;
        up.release();
    });
    let mut names = [name(&one), name(&other)];
    names.sort_unstable();
    assert_eq!(names, ["rejected", "verified"]);
    assert_eq!(name(&validator.validate(&ticket, &context).await), "rejected");
    assert_eq!(up.requests().len(), 3);
}

#[tokio::test]
async fn a_ticket_that_may_have_been_seen_is_not_sent_again() {
    for lost in [Behaviour::Reset, Behaviour::Truncate, Behaviour::status(500, "", "")] {
        let what = format!("{lost:?}");
        let up = Upstream::start(ann()).await;
        up.once(lost);
        let validator =
            validator(with(table(&up.origin), json!({"upstream": {"retry_budget": 1.0}})));
        let verdict = validator.validate(&token("ST-1-abc"), &cx()).await;
        assert_eq!(name(&verdict), "unavailable", "{what}");
        assert_eq!(up.requests().len(), 1, "{what}");
    }
}

#[tokio::test]
async fn the_guard_is_there_without_a_table_and_hears_what_the_server_says() {
    let guarded =
        |origin: &str| validator(with(table(origin), json!({"upstream": {"failures": 2}})));
    let up = Upstream::start(no("INTERNAL_ERROR")).await;
    let failing = guarded(&up.origin);
    for _ in 0..4 {
        let verdict = failing.validate(&token("ST-1-abc"), &cx()).await;
        assert_eq!(name(&verdict), "unavailable");
    }
    assert_eq!(up.requests().len(), 2, "it is left alone");
    // A ticket for another service, or a name that the server has not escaped.
    for odd in [no("INVALID_SERVICE"), yes("<cas:user>R&D</cas:user>")] {
        let up = Upstream::start(odd).await;
        let validator = guarded(&up.origin);
        for _ in 0..4 {
            assert_eq!(name(&validator.validate(&token("ST-1-abc"), &cx()).await), "upstream");
        }
        assert_eq!(up.requests().len(), 4, "it says nothing of the server");
    }
    let up = Upstream::start(Behaviour::status(200, "", "<html>Log in</html>")).await;
    let confused = guarded(&up.origin);
    for want in ["upstream", "upstream", "unavailable", "unavailable"] {
        assert_eq!(name(&confused.validate(&token("ST-1-abc"), &cx()).await), want);
    }
    // Five failures in a row are the default.
    let down = validator(table(&refusing_origin().await));
    for _ in 0..5 {
        assert_eq!(name(&down.validate(&token("ST-1-abc"), &cx()).await), "unavailable");
    }
    let error = down.validate(&token("ST-1-abc"), &cx()).await.unwrap_err();
    assert!(error.to_string().contains("left alone"), "{error}");
}

#[tokio::test]
async fn json_is_asked_for_and_read_where_the_table_says() {
    let body = json!({"serviceResponse": {"authenticationSuccess": {"user": "ann"}}});
    let up = Upstream::start(Behaviour::json(body.clone())).await;
    let validator = validator(with(table(&up.origin), json!({"format": "json"})));
    assert_eq!(name(&validator.validate(&token("ST-1-abc"), &cx()).await), "verified");
    assert!(up.requests().concat().contains("&format=JSON&ticket="));
    assert_eq!(verdict_on(Behaviour::json(body), json!({})).await, "upstream");
    assert_eq!(verdict_on(ann(), json!({"format": "json"})).await, "upstream");
}

#[tokio::test]
async fn an_end_and_expectations_are_held() {
    let since = |secs: u32| {
        let cel = format!("epoch(session.attributes.authenticationDate[0].split('[')[0]) + {secs}");
        json!({"fields": {"expires_at": {"cel": cel}}})
    };
    let up = Upstream::start(ann()).await;
    let validator = validator(with(table(&up.origin), since(21)));
    let who = validator.validate(&token("ST-1-abc"), &cx()).await.unwrap();
    assert_eq!(who.expires_at, Some(Timestamp::from_secs(NOW.secs() + 1)));
    assert_eq!(verdict_on(ann(), since(20)).await, "rejected");
    let expect = |group: &str| json!({"expect": {"/attributes/memberOf/1": group}});
    assert_eq!(verdict_on(ann(), expect("staff")).await, "verified");
    assert_eq!(verdict_on(ann(), expect("admins")).await, "rejected");
}

#[tokio::test]
async fn waits_and_sizes_are_bounded() {
    for (behaviour, changes, want) in [
        (Behaviour::Hang, json!({"read_timeout": "50ms"}), "unavailable"),
        (Behaviour::Hang, json!({"timeout": "50ms"}), "unavailable"),
        (Behaviour::Huge, json!({}), "upstream"),
        (ann(), json!({"max_bytes": 100}), "upstream"),
        (ann(), json!({"max_bytes": 1000}), "verified"),
    ] {
        let what = format!("{behaviour:?} {changes}");
        let begun = std::time::Instant::now();
        assert_eq!(verdict_on(behaviour, changes).await, want, "{what}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
    }
}

#[test]
fn a_table_that_cannot_be_safe_does_not_start() {
    let origin = "https://cas.example";
    for (changes, path) in [
        (json!({"url": "http://cas.example/cas/serviceValidate"}), "v.url"),
        (json!({"url": "cas"}), "v.url"),
        (json!({"service": "my app"}), "v.service"),
        (json!({"format": "yaml"}), "v.format"),
        (json!({"timeout": 0}), "v.timeout"),
        (json!({"ca_file": "/nowhere"}), "v.ca_file"),
        (json!({"cache": {"ttl": "10s"}}), "v.cache"),
        (json!({"upstream": {"failures": 0}}), "v.upstream.failures"),
        (json!({"renew": "often"}), "v.renew"),
        (json!({"fields": {"subject": ""}}), "v.fields.subject"),
        (json!({"ticket": "x"}), "v.ticket"),
    ] {
        assert_eq!(problem_paths(with(table(origin), changes.clone())), [path], "{changes}");
    }
    assert!(problem_paths(table(origin)).is_empty());
    assert!(
        problem_paths(with(table("http://cas.internal"), json!({"allow_plain_http": true})))
            .is_empty()
    );
}
