//! Account directory `http`: what each answer of the other system means, what it is sent, and
//! what a client of the gateway gets while it is down.

use std::sync::Arc;

use cambio::account::settings::{BuildCx, build};
use cambio::account::{Account, AccountDirectory, AccountError, AccountState};
use cambio::domain::setting::Problems;
use cambio::domain::{
    AccountId, AssertedAccount, Clock, ManualClock, Subject, TenantId, Timestamp, Verified,
};
use cambio::support::Watcher;
use serde_json::{Value, json};

use crate::fake_upstream::{Behaviour, Upstream, refusing_origin};
use crate::support::{Call, Fixture};

pub(crate) fn try_build(table: Value) -> Result<Arc<dyn AccountDirectory>, Vec<String>> {
    let watcher = Watcher::default();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Timestamp::from_secs(1_000)));
    let mut problems = Problems::default();
    let cx = BuildCx { watcher: &watcher, clock: &clock };
    let built = build(table, "accounts.crm", &cx, &mut problems);
    match built {
        Some(directory) if problems.is_empty() => Ok(directory),
        _ => Err(problems.into_vec().iter().map(ToString::to_string).collect()),
    }
}

fn directory(origin: &str, more: Value) -> Arc<dyn AccountDirectory> {
    let mut table = json!({"kind": "http", "by_id": format!("{origin}/accounts/{{key}}"),
        "by_subject": format!("{origin}/accounts?login={{key}}"),
        "headers": {"x-api-key": "the-key-of-the-crm"},
        "upstream": {"failures": 1000, "retry_budget": 0}});
    table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    try_build(table).unwrap()
}

pub(crate) fn tenant() -> TenantId {
    TenantId::parse("nagra").unwrap()
}

pub(crate) async fn by_id(
    directory: &dyn AccountDirectory,
    id: &str,
) -> Result<Account, AccountError> {
    directory.by_id(&tenant(), &AccountId::parse(id).unwrap()).await
}

pub(crate) async fn of(
    directory: &dyn AccountDirectory,
    subject: &str,
    asserted: &[&str],
) -> Result<String, AccountError> {
    let account = |id: &&str| AssertedAccount { id: AccountId::parse(id).unwrap(), user_id: None };
    let who = Verified {
        accounts: asserted.iter().map(account).collect(),
        ..Verified::subject_only(Subject::parse(subject).unwrap())
    };
    directory.resolve(&tenant(), &who).await.map(|account| account.id.as_str().to_owned())
}

fn word(found: &Result<Account, AccountError>) -> &'static str {
    match found {
        Ok(_) => "found",
        Err(AccountError::Unknown) => "unknown",
        Err(AccountError::Ambiguous) => "ambiguous",
        Err(AccountError::Unavailable(_)) => "unavailable",
        Err(AccountError::Upstream(_)) => "upstream",
    }
}

#[tokio::test]
async fn only_404_and_410_say_that_there_is_none() {
    let status = |code| Behaviour::status(code, "", "");
    let html = Behaviour::status(200, "content-type: text/html\r\n", r#"{"id":"1663"}"#);
    for (behaviour, want) in [
        (Behaviour::json(json!({"id": "1663"})), "found"),
        (status(404), "unknown"),
        (status(410), "unknown"),
        (status(500), "unavailable"),
        (status(503), "unavailable"),
        (status(429), "unavailable"),
        (status(408), "unavailable"),
        (Behaviour::Hang, "unavailable"),
        (Behaviour::SlowBody, "unavailable"),
        (Behaviour::Reset, "unavailable"),
        (Behaviour::Truncate, "unavailable"),
        (status(401), "upstream"),
        (status(403), "upstream"),
        (status(204), "upstream"),
        (Behaviour::status(302, "location: /login\r\n", ""), "upstream"),
        (Behaviour::Garbage, "upstream"),
        (Behaviour::Huge, "upstream"),
        (html, "upstream"),
        (Behaviour::json("null"), "upstream"),
        (Behaviour::json(json!({"id": "1664"})), "upstream"),
        (Behaviour::json(json!({"id": "1663", "state": "gone"})), "upstream"),
    ] {
        let never_ends = matches!(behaviour, Behaviour::Hang | Behaviour::SlowBody);
        let patience = if never_ends { "300ms" } else { "20s" };
        let up = Upstream::start(behaviour.clone()).await;
        let waits = json!({"timeout": patience, "read_timeout": patience});
        let found = by_id(&*directory(&up.origin, waits), "1663").await;
        assert_eq!(word(&found), want, "{behaviour:?}: {found:?}");
    }
    let refused = by_id(&*directory(&refusing_origin().await, json!({})), "1663").await;
    assert_eq!(word(&refused), "unavailable");
}

#[tokio::test]
async fn the_key_is_one_segment_or_value_and_the_headers_are_sent() {
    let up = Upstream::start(Behaviour::status(404, "", "")).await;
    let directory = directory(
        &up.origin,
        json!({"auth": {"basic": {"username": "cambio", "password": "secret"}}}),
    );
    for key in ["1663", "../../admin", "a/b?c=d#e", "a b"] {
        assert_eq!(word(&by_id(&*directory, key).await), "unknown", "{key}");
    }
    assert_eq!(word(&by_id(&*directory, "..").await), "unknown");
    assert_eq!(of(&*directory, "zoë", &[]).await, Err(AccountError::Unknown));
    let requests = up.requests();
    let lines: Vec<_> = requests.iter().map(|r| r.lines().next().unwrap().to_owned()).collect();
    assert_eq!(
        lines,
        [
            "GET /accounts/1663 HTTP/1.1",
            "GET /accounts/..%2F..%2Fadmin HTTP/1.1",
            "GET /accounts/a%2Fb%3Fc%3Dd%23e HTTP/1.1",
            "GET /accounts/a%20b HTTP/1.1",
            "GET /accounts?login=zo%C3%AB HTTP/1.1",
        ]
    );
    for request in requests.iter().map(|request| request.to_lowercase()) {
        assert!(request.contains("x-api-key: the-key-of-the-crm"), "{request}");
        assert!(request.contains("authorization: basic "), "{request}");
    }
}

#[tokio::test]
async fn assertions_decide_and_subjects_only_without_one() {
    let up = Upstream::start(Behaviour::json(json!([{"id": "1"}, {"id": "2"}, {"id": "1"}]))).await;
    let crm = directory(&up.origin, json!({}));
    assert_eq!(of(&*crm, "ann", &[]).await, Err(AccountError::Ambiguous));
    up.then(Behaviour::json(json!({"accounts": [{"id": 1}, {"id": "1"}]})));
    assert_eq!(of(&*crm, "ann", &[]).await.as_deref(), Ok("1"));
    up.then(Behaviour::json(json!([])));
    assert_eq!(of(&*crm, "ann", &[]).await, Err(AccountError::Unknown));

    up.then(Behaviour::json(json!({"id": "7"})));
    up.once(Behaviour::status(404, "", ""));
    assert_eq!(of(&*crm, "ann", &["6", "7"]).await.as_deref(), Ok("7"));
    up.once(Behaviour::status(503, "", ""));
    let outage = of(&*crm, "ann", &["6", "7"]).await;
    assert!(matches!(outage, Err(AccountError::Unavailable(_))), "{outage:?}: 6 may exist");

    let by_id_only = json!({"kind": "http", "by_id": format!("{}/a/{{key}}", up.origin)});
    let asked = up.requests().len();
    assert_eq!(of(&*try_build(by_id_only).unwrap(), "ann", &[]).await, Err(AccountError::Unknown));
    assert_eq!(up.requests().len(), asked);
}

#[tokio::test]
async fn fields_say_where_an_answer_says_what() {
    let answer = json!({"customer": {"no": 1663}, "blocked": true, "limit": 4});
    let up = Upstream::start(Behaviour::json(answer)).await;
    let fields = json!({"fields": {"id": "/customer/no", "max_devices": "limit",
        "state": {"cel": "session.blocked ? 'suspended' : 'active'"}}});
    let account = by_id(&*directory(&up.origin, fields), "1663").await.unwrap();
    assert_eq!((account.state, account.max_devices), (AccountState::Suspended, Some(4)));
    let broken = json!({"fields": {"id": "/customer/no", "state": {"cel": "session.blocked + 1"}}});
    assert_eq!(word(&by_id(&*directory(&up.origin, broken), "1663").await), "upstream");
}

#[tokio::test]
async fn the_guard_leaves_a_failing_system_alone_and_repeats_what_nobody_saw() {
    let up = Upstream::start(Behaviour::status(500, "", "")).await;
    let crm = directory(&up.origin, json!({"upstream": {"failures": 2, "open_for": "60s"}}));
    for _ in 0..5 {
        assert_eq!(word(&by_id(&*crm, "1").await), "unavailable");
    }
    assert_eq!(up.requests().len(), 2);

    let up = Upstream::start(Behaviour::json(json!({"id": "1"}))).await;
    let crm = directory(&up.origin, json!({"upstream": {"retry_budget": 1.0}}));
    up.once(Behaviour::Reset);
    assert_eq!(word(&by_id(&*crm, "1").await), "found");
    assert_eq!(up.requests().len(), 2);
    up.then(Behaviour::status(404, "", ""));
    for _ in 0..10 {
        assert_eq!(word(&by_id(&*crm, "1").await), "unknown", "absence is no failure");
    }
}

#[test]
fn tables_that_cannot_work_are_told_with_their_keys() {
    let with = |more: Value| {
        let mut table = json!({"kind": "http", "by_id": "https://crm.example.com/accounts/{key}"});
        table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        try_build(table).err().unwrap_or_default()
    };
    assert_eq!(with(json!({})), Vec::<String>::new());
    for (more, path) in [
        (json!({"by_id": "https://crm.example.com/accounts"}), "accounts.crm.by_id"),
        (json!({"by_id": "https://{key}.example.com/"}), "accounts.crm.by_id"),
        (json!({"by_id": "https://crm.example.com/{key}/{key}"}), "accounts.crm.by_id"),
        (json!({"by_id": "http://crm.example.com/{key}"}), "accounts.crm.by_id"),
        (json!({"by_subject": "crm"}), "accounts.crm.by_subject"),
        (json!({"fields": {"colour": "c"}}), "accounts.crm.fields.colour"),
        (json!({"fields": {"id": {"cel": "nothing"}}}), "accounts.crm.fields.id"),
        (json!({"timeout": "0s"}), "accounts.crm.timeout"),
        (json!({"max_bytes": 0}), "accounts.crm.max_bytes"),
        (json!({"upstream": {"failures": 0}}), "accounts.crm.upstream.failures"),
        (json!({"cache": {}}), "accounts.crm.cache"),
    ] {
        let problems = with(more.clone());
        assert!(
            problems.iter().any(|p| p.starts_with(&format!("{path}: "))),
            "{more}: {problems:?}"
        );
    }
}

#[tokio::test]
async fn while_it_is_down_sign_on_and_refresh_are_503_and_burn_nothing() {
    let up = Upstream::start(Behaviour::json(json!({"id": "1663"}))).await;
    let gateway = Fixture::with(&format!(
        r#"
        [accounts.crm]
        kind = "http"
        by_id = "{}/accounts/{{key}}"
        upstream.failures = 1000
        [[tenants.nagra.services]]
        name = "Customer Auth Service"
        validator = "tickets"
        accounts = "crm"
        "#,
        up.origin
    ))
    .await;
    let pair = gateway.signed_on("1663").await;
    let ticket = gateway.ticket("1663").await;
    up.then(Behaviour::status(503, "", ""));
    gateway.refreshed(&pair).await.problem(503);
    gateway.send(Call::sign_on(&ticket)).await.problem(503);
    up.then(Behaviour::json(json!({"id": "1663", "state": "suspended"})));
    gateway.refreshed(&pair).await.forbidden(20002);
    up.then(Behaviour::status(404, "", ""));
    gateway.refreshed(&pair).await.problem(404);
    up.then(Behaviour::json(json!({"id": "1664"})));
    gateway.refreshed(&pair).await.problem(502);
    up.then(Behaviour::json(json!({"id": "1663"})));
    gateway.refreshed(&pair).await.expect(200);
    gateway.send(Call::sign_on(&ticket)).await.expect(201);
}

#[tokio::test]
async fn an_account_whose_claims_are_too_large_gets_no_session_and_loses_none() {
    let up = Upstream::start(Behaviour::json(json!({"id": "1663"}))).await;
    let gateway = Fixture::with(&format!(
        r#"
        [accounts.crm]
        kind = "http"
        by_id = "{}/accounts/{{key}}"
        [[tenants.nagra.services]]
        name = "Customer Auth Service"
        validator = "tickets"
        accounts = "crm"
        [tenants.nagra.ags.tokens]
        max_claims_bytes = 2000
        "#,
        up.origin
    ))
    .await;
    let pair = gateway.signed_on("1663").await;
    let ticket = gateway.ticket("1663").await;
    let large = json!({"id": "1663", "filtering": {"channels": vec!["a channel"; 200]}});
    up.then(Behaviour::json(large));
    gateway.refreshed(&pair).await.problem(502);
    gateway.send(Call::sign_on(&ticket)).await.problem(502);
    up.then(Behaviour::json(json!({"id": "1663", "filtering": {"channels": ["one"]}})));
    gateway.refreshed(&pair).await.expect(200);
    gateway.send(Call::sign_on(&ticket)).await.expect(201);
}
