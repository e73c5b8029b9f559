//! The `introspection` validator: what exactly it sends, what its table's keys do, and what a
//! client of the whole gateway gets.

use std::sync::Arc;
use std::time::Duration;

use cambio::config::DEFAULTS;
use cambio::domain::Timestamp;
use cambio::sso::{SsoValidator, ValidateError};
use serde_json::{Value, json};

use crate::fake_upstream::{Behaviour, Upstream};
use crate::sso_fixtures::{NOW, cx, cx_at, name, problem_paths, token, validator};
use crate::support::{self, Call, claims_of};

fn active() -> Value {
    json!({"active": true, "sub": "ann", "iss": "https://idp", "aud": ["gateway"],
        "client_id": "app", "token_type": "Bearer", "scope": "openid read",
        "exp": NOW.secs() as f64 + 60.5, "username": "annabel", "groups": ["dev"]})
}

fn with(changes: Value) -> Behaviour {
    let mut answer = active();
    answer.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    Behaviour::json(answer)
}

/// An endpoint, and a validator that asks it.
struct Fixture {
    up: Upstream,
    validator: Arc<dyn SsoValidator>,
}

impl Fixture {
    async fn new(keys: Value) -> Self {
        let up = Upstream::start(Behaviour::json(active())).await;
        let mut table = json!({"kind": "introspection", "url": format!("{}/introspect", up.origin),
            "auth": {"client_secret_basic": {"client_id": "cambio", "client_secret": "s3cret"}},
            "read_timeout": "20s", "timeout": "20s"});
        table.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        Self { validator: validator(table), up }
    }

    async fn name(&self, text: &str) -> &'static str {
        name(&self.validator.validate(&token(text), &cx()).await)
    }

    /// The verdict when the endpoint says this.
    async fn on(&self, changes: Value) -> &'static str {
        self.up.then(with(changes));
        self.name("abc").await
    }
}

#[tokio::test]
async fn nothing_is_sent_but_the_one_token_and_our_own_proof() {
    let f = Fixture::new(json!({"headers": {"x-api-key": "k"}})).await;
    assert_eq!(f.name("a b+c&client_id=x%").await, "verified");
    let host = f.up.origin.strip_prefix("http://").unwrap();
    let request = f.up.requests().concat().replace(host, "HOST").replace("\r\n", "\n");
    insta::assert_snapshot!(request, @r"
    POST /introspect HTTP/1.1
    x-api-key: k
    authorization: Basic Y2FtYmlvOnMzY3JldA==
    content-type: application/x-www-form-urlencoded
    accept: application/json
    user-agent: cambio
    host: HOST
    content-length: 34

    token=a%20b%2Bc%26client_id%3Dx%25
    ");
}

#[tokio::test]
async fn an_active_token_is_verified_with_its_end() {
    let f = Fixture::new(json!({})).await;
    let who = f.validator.validate(&token("abc"), &cx()).await.unwrap();
    assert_eq!(who.subject.as_str(), "ann");
    assert_eq!(who.expires_at, Some(Timestamp::from_secs(NOW.secs() + 60)));
}

/// A key of the table, and an answer that is refused because of it alone.
#[tokio::test]
async fn every_expectation_is_one() {
    for (keys, unexpected) in [
        (json!({"issuer": "https://idp"}), json!({"iss": "https://other"})),
        (json!({"audience": ["gateway", "other"]}), json!({"aud": "third"})),
        (json!({"client_id": "app"}), json!({"client_id": "other"})),
        (json!({"token_type": "bearer"}), json!({"token_type": null})),
        (json!({"scopes": ["read"]}), json!({"scope": "openid"})),
    ] {
        let f = Fixture::new(keys.clone()).await;
        assert_eq!(f.on(json!({})).await, "verified", "{keys}");
        assert_eq!(f.on(unexpected.clone()).await, "rejected", "{keys}");
        let without = Fixture::new(json!({})).await;
        assert_eq!(without.on(unexpected).await, "verified", "{keys}");
    }
}

#[tokio::test]
async fn the_leeway_bridges_clocks() {
    let ended = || json!({"exp": NOW.secs() - 100});
    assert_eq!(Fixture::new(json!({})).await.on(ended()).await, "rejected");
    assert_eq!(Fixture::new(json!({"leeway": "2m"})).await.on(ended()).await, "verified");
}

#[tokio::test]
async fn fields_say_where_everything_stands() {
    let f = Fixture::new(json!({"fields": {"subject": "username", "roles": "groups",
        "attributes": {"app": "client_id"}}}))
    .await;
    let who = f.validator.validate(&token("abc"), &cx()).await.unwrap();
    assert_eq!(who.subject.as_str(), "annabel");
    assert_eq!(who.roles, ["dev"]);
    assert_eq!(who.attributes["app"], "app");
    assert_eq!(f.on(json!({"username": null})).await, "rejected", "a client's own token");
}

#[tokio::test]
async fn a_hint_is_sent_where_it_is_set() {
    let f = Fixture::new(json!({"token_type_hint": "access_token"})).await;
    assert_eq!(f.name("abc").await, "verified");
    let sent = f.up.requests().concat();
    assert!(sent.ends_with("\r\n\r\ntoken=abc&token_type_hint=access_token"), "{sent}");
}

#[tokio::test]
async fn a_token_of_an_unsupported_type_is_not_the_endpoints_business() {
    let f = Fixture::new(json!({"upstream": {"failures": 1}})).await;
    let error = json!({"error": "unsupported_token_type"}).to_string();
    f.up.then(Behaviour::status(400, "content-type: application/json\r\n", &error));
    for _ in 0..3 {
        assert_eq!(f.name("a.b.c").await, "malformed");
    }
    f.up.then(Behaviour::json(active()));
    assert_eq!(f.name("abc").await, "verified", "the circuit is closed");
}

#[tokio::test]
async fn our_own_wrong_secret_is_never_the_clients_fault() {
    let f = Fixture::new(json!({"cache": {"obey_hints": false}})).await;
    let error = json!({"error": "invalid_client"}).to_string();
    f.up.then(Behaviour::status(401, "content-type: application/json\r\n", &error));
    assert_eq!(f.name("abc").await, "upstream");
    f.up.then(Behaviour::status(401, "", ""));
    assert_eq!(f.name("abc").await, "upstream");
    f.up.then(Behaviour::json(active()));
    assert_eq!(f.name("abc").await, "verified");
    // What is known stands in while the endpoint does not know us.
    f.up.then(Behaviour::status(401, "", ""));
    let later = cx_at(NOW.plus(Duration::from_secs(50)), Duration::from_secs(20));
    assert_eq!(name(&f.validator.validate(&token("abc"), &later).await), "verified");
}

#[tokio::test]
async fn requests_that_tokens_break_do_not_close_the_door_for_all() {
    let f = Fixture::new(json!({"upstream": {"failures": 1}})).await;
    let error = json!({"error": "invalid_request"}).to_string();
    f.up.once(Behaviour::status(400, "content-type: application/json\r\n", &error));
    assert_eq!(f.name("odd one").await, "upstream");
    assert_eq!(f.name("abc").await, "verified");
}

#[tokio::test]
async fn a_lost_connection_is_asked_again() {
    let f = Fixture::new(json!({"upstream": {}})).await;
    f.up.once(Behaviour::Reset);
    assert_eq!(f.name("abc").await, "verified");
    assert_eq!(f.up.requests().len(), 2);
}

#[tokio::test]
async fn an_outage_is_never_a_verdict() {
    for (behaviour, want) in [
        (Behaviour::Truncate, "unavailable"),
        (Behaviour::status(503, "", ""), "unavailable"),
        (Behaviour::status(429, "", ""), "unavailable"),
        (Behaviour::Garbage, "upstream"),
        (Behaviour::Huge, "upstream"),
        (Behaviour::status(302, "location: /login\r\n", ""), "upstream"),
        (Behaviour::status(404, "", ""), "upstream"),
    ] {
        let f = Fixture::new(json!({})).await;
        f.up.then(behaviour.clone());
        let verdict = f.validator.validate(&token("abc"), &cx()).await;
        assert_eq!(name(&verdict), want, "{behaviour:?}");
    }
    let f = Fixture::new(json!({})).await;
    f.up.then(Behaviour::status(503, "retry-after: 7\r\n", ""));
    let verdict = f.validator.validate(&token("abc"), &cx()).await;
    let retry_after = Some(Duration::from_secs(7));
    assert!(
        matches!(&verdict, Err(ValidateError::Unavailable { retry_after: r, .. }) if *r == retry_after),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn a_verdict_is_not_kept_past_the_tokens_end() {
    let f = Fixture::new(json!({"cache": {"ttl": "1h", "jitter": 0}})).await;
    for (after, calls) in [(0, 1), (59, 1)] {
        let cx = cx_at(NOW.plus(Duration::from_secs(after)), Duration::from_secs(20));
        assert_eq!(name(&f.validator.validate(&token("abc"), &cx).await), "verified");
        assert_eq!(f.up.requests().len(), calls);
    }
    f.up.then(Behaviour::json(json!({"active": false})));
    let ended = cx_at(NOW.plus(Duration::from_secs(60)), Duration::from_secs(20));
    assert_eq!(name(&f.validator.validate(&token("abc"), &ended).await), "rejected");
    assert_eq!(f.up.requests().len(), 2);
}

#[test]
fn a_table_that_cannot_work_does_not_start() {
    let table = |changes: Value| {
        let mut table = json!({"kind": "introspection", "url": "https://idp.example/introspect"});
        table.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        table
    };
    assert!(problem_paths(table(json!({}))).is_empty());
    for (changes, path) in [
        (json!({"url": "http://idp.example/introspect"}), "v.url"),
        (json!({"url": "introspect"}), "v.url"),
        (json!({"issuer": ""}), "v.issuer"),
        (json!({"audience": true}), "v.audience"),
        (json!({"leeway": "6m"}), "v.leeway"),
        (json!({"scopes": ["read write"]}), "v.scopes"),
        (json!({"scopes": "read"}), "v.scopes"),
        (json!({"timeout": 0}), "v.timeout"),
        (json!({"client_secret": "x"}), "v.client_secret"),
        (json!({"cache": {"ttl": 0}}), "v.cache.ttl"),
    ] {
        assert_eq!(problem_paths(table(changes.clone())), [path], "{changes}");
    }
}

/// The keys that the tests above, those of the connection and those of the cache show.
#[test]
fn every_knob_of_the_reference_has_a_test() {
    let keys = crate::sso_fixtures::reference_keys(DEFAULTS, "#[validators.opaque]");
    let shown = [
        "audience",
        "auth",
        "cache",
        "client_id",
        "fields",
        "issuer",
        "kind",
        "leeway",
        "scopes",
        "token_type",
        "token_type_hint",
        "url",
    ];
    assert_eq!(keys, shown);
}

/// A gateway whose one service introspects.
async fn gateway(up: &Upstream) -> support::Fixture {
    support::Fixture::only(&format!(
        r#"
        store.kind = "memory"
        [validators.as]
        kind = "introspection"
        url = "{}/introspect"
        auth = {{ bearer = "our-own-token" }}
        read_timeout = "20s"
        timeout = "20s"
        [tenants.community.answerhub]
        cookie_service = "AS"
        tokens.issuer = "https://community.example.com"
        [[tenants.community.services]]
        name = "AS"
        validator = "as"
        cookie = "token"
        "#,
        up.origin
    ))
    .await
}

#[tokio::test]
async fn the_minted_token_does_not_outlive_the_introspected_one() {
    let up = Upstream::start(with(json!({"exp": support::NOW as f64 + 90.7}))).await;
    let gateway = gateway(&up).await;
    let call =
        || Call::post("/services/v2/auth/cookiesso/token.json").header("cookie", "token=abc");
    let body = gateway.send(call()).await.expect(200);
    assert_eq!(body["expiresIn"], 90);
    assert_eq!(claims_of(body["jwt"].as_str().unwrap())["exp"], support::NOW + 90);
    // What our own credential does wrong is no log-out, and an inactive token is one.
    up.then(Behaviour::status(401, "", ""));
    gateway.send(call()).await.problem(502);
    up.then(Behaviour::status(503, "", ""));
    gateway.send(call()).await.problem(503);
    up.then(Behaviour::json(json!({"active": false})));
    gateway.send(call()).await.problem(401);
}
