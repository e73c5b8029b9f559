//! Expressions, conditions, attributes and the limit of claims, through the whole gateway: what
//! the client gets, what the token says, and what the configuration is told.

use cambio::config::Sources;
use serde_json::{Value, json};

use crate::fake_upstream::{Behaviour, Upstream};
use crate::sso_fixtures::{cookie, cx, validator};
use crate::support::{Answer, Call, Fixture, NOW, claims_of};

const FIELDS: &str = r#"
    [validators.sso.fields]
    subject = { cel = "session.user.name.lowerAscii()" }
    roles = { cel = "session.groups.filter(g, g.startsWith('app-')).map(g, g.substring(4))" }
    expires_at = { cel = "epoch(session.started) + 3600" }
    active = { cel = "session.kind == 'SSO'" }
    attributes.mail = { cel = "session.user.?mail" }
    attributes.plan = "plan"
    deny_if = [
        { cel = "session.?banned.orValue(false)", reason = "user is banned" },
        { cel = "session.level < 2", reason = "signed in too weakly" },
    ]
"#;

fn configuration(origin: &str, tokens: &str, fields: &str) -> String {
    format!(
        r#"
        store.kind = "memory"
        [validators.sso]
        kind = "http"
        url = "{origin}/session"
        send = {{ cookie = {{ name = "sso" }} }}
        {fields}
        [tenants.community.answerhub]
        cookie_service = "SSO"
        [tenants.community.answerhub.tokens]
        issuer = "https://community.example.com"
        {tokens}
        [[tenants.community.services]]
        name = "SSO"
        validator = "sso"
        cookie = "sso"
        "#
    )
}

fn session() -> Value {
    json!({"kind": "SSO", "user": {"name": "Ann", "mail": "ann@example.com"}, "level": 2,
        "groups": ["app-USE_API", "other"], "started": "2027-01-15T07:30:00Z", "plan": ["gold"]})
}

fn with(name: &str, value: Value) -> Value {
    let mut session = session();
    session[name] = value;
    session
}

async fn ask(document: Value, tokens: &str) -> Answer {
    let up = Upstream::start(Behaviour::json(document)).await;
    let gateway = Fixture::only(&configuration(&up.origin, tokens, FIELDS)).await;
    let call = Call::post("/services/v2/auth/cookiesso/token.json");
    gateway.send(call.header("cookie", "sso=some-session")).await
}

fn token(answer: &Answer) -> Value {
    claims_of(answer.expect(200)["jwt"].as_str().unwrap())
}

#[tokio::test]
async fn a_token_says_what_the_expressions_make_of_the_answer() {
    let claims = token(&ask(session(), "").await);
    assert_eq!((&claims["sub"], &claims["roles"]), (&json!("ann"), &json!(["USE_API"])));
    assert_eq!(claims["exp"], NOW + 1800, "it began half an hour ago");
    assert_eq!(claims.get("mail"), None, "only attributes that the tokens table names are claims");
}

#[tokio::test]
async fn named_attributes_become_claims_of_every_profile() {
    for profile in ["answerhub", "standard"] {
        let tokens =
            format!("profile = \"{profile}\"\nattributes = [\"plan\", \"mail\", \"gone\"]");
        let claims = token(&ask(session(), &tokens).await);
        assert_eq!(
            (&claims["mail"], &claims["plan"]),
            (&json!("ann@example.com"), &json!(["gold"]))
        );
        assert_eq!(claims["iss"], "https://community.example.com");
        let names: Vec<_> = claims.as_object().unwrap().keys().collect();
        assert_eq!(names[names.len() - 2..], ["plan", "mail"], "{profile}: behind its own claims");
    }
}

#[tokio::test]
async fn a_condition_that_holds_is_401_and_its_reason_is_for_the_log() {
    for denied in [with("banned", json!(true)), with("level", json!(1)), with("kind", json!("x"))] {
        let answer = ask(denied, "").await;
        answer.problem(401);
        assert!(!answer.text().contains("banned") && !answer.text().contains("weakly"));
    }
}

#[tokio::test]
async fn what_cannot_be_decided_is_502() {
    for strange in [
        with("level", json!("two")),
        with("level", json!(null)),
        with("groups", json!("app-USE_API")),
        with("started", json!("yesterday")),
        with("user", json!({"name": 7})),
        with("user", json!({})),
        with("groups", json!(vec!["app-x"; 30_000 / 8])),
    ] {
        ask(strange, "").await.problem(502);
    }
}

#[tokio::test]
async fn claims_over_the_limit_are_502_and_no_token() {
    let groups = |n: usize| (0..n).map(|i| json!(format!("app-role-{i:04}"))).collect();
    assert!(token(&ask(with("groups", groups(200)), "").await)["roles"].is_array());
    ask(with("groups", groups(255)), "max_claims_bytes = 1024").await.problem(502);
    let answer = ask(with("groups", groups(255)), "max_claims_bytes = 5400").await;
    assert!(token(&answer)["roles"].as_array().unwrap().len() == 255);
    let large = with("plan", json!("x".repeat(4000)));
    ask(large, "attributes = [\"plan\"]").await.problem(502);
}

/// The problems that a configuration has, as `cambio check` tells them.
fn problems(tokens: &str, fields: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cambio.toml");
    std::fs::write(&file, configuration("http://127.0.0.1:1", tokens, fields)).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_cambio"))
        .args(["check", "--config"])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn wrong_expressions_are_told_at_boot_with_all_other_problems() {
    let fields = r#"
        [validators.sso.fields]
        subject = { cel = "session.user." }
        roles = { cel = "groups" }
        accounts = { cel = "session.a.map(x, session.a.map(y, session.a.map(z, 1)))" }
        attributes.fixed_exp = "end"
        deny_if = [{ cel = "session.x.matches('a')", reason = "x" }, { cel = "true", reason = "" }]
        [validators.other]
        kind = "oven"
    "#;
    let told = problems("attributes = [\"mail\", \"iss\"]\nmax_claims_bytes = 100000", fields);
    for (path, says) in [
        ("validators.sso.fields.subject", "is no CEL expression: line 1"),
        ("validators.sso.fields.roles", "no variable \"groups\""),
        ("validators.sso.fields.accounts", "must not nest more than 2 loops"),
        ("validators.sso.fields.attributes", "\"fixed_exp\""),
        ("validators.sso.fields.deny_if.0", "no function \"matches\""),
        ("validators.sso.fields.deny_if.1", "reason must be"),
        ("validators.other.kind", "oven"),
    ] {
        let line = told.lines().find(|line| line.trim().starts_with(path));
        assert!(line.is_some_and(|line| line.contains(says)), "{path}: {told}");
    }
}

#[test]
fn what_claims_may_be_is_told_at_boot() {
    let fields = "fields = { subject = \"sub\" }";
    for (tokens, says) in [
        ("attributes = [\"mail\", \"ISS\"]", "tokens.attributes.1: is the name of a claim"),
        (
            "attributes = [\"mail\", \"mail\"]",
            "tokens.attributes.1: must not be empty nor there twice",
        ),
        ("max_claims_bytes = 511", "tokens.max_claims_bytes: must be from 512 to 5400"),
        ("max_claims_bytes = 5401", "tokens.max_claims_bytes: must be from 512 to 5400"),
        ("max_claims_bytes = 540", "tokens.max_claims_bytes: leaves no room"),
    ] {
        let told = problems(tokens, fields);
        assert!(told.contains(says), "{tokens}: {told}");
    }
}

#[tokio::test]
async fn the_documented_example_does_what_the_page_says() {
    let root = env!("CARGO_MANIFEST_DIR");
    let file = format!("{root}/config/examples/mapping.toml");
    let example = std::fs::read_to_string(&file).unwrap();
    let page = std::fs::read_to_string(format!("{root}/docs/mapping.md")).unwrap();
    assert!(page.contains(&format!("```toml\n{example}```\n")), "the page shows the file");

    let files = vec![file.into()];
    let settings = cambio::config::load(&Sources { files, ..Sources::default() }).unwrap();
    let (_, table) = settings.validators.iter().find(|(name, _)| *name == "sso").unwrap();
    let session = json!({"user": {"login": "Ann", "dn": "cn=Ann,ou=Sales,ou=Staff"},
        "groups": ["app-reader", "all"], "contracts": [{"number": 1663}],
        "started": "2023-11-14T22:00:00Z", "session": {"id": "s-1"}, "methods": ["pwd", "otp"]});
    let up = Upstream::start(Behaviour::json(session)).await;
    let mut table = table.clone();
    table["url"] = json!(format!("{}/session", up.origin));
    let who = validator(table).validate(&cookie("some-session"), &cx()).await.unwrap();
    assert_eq!((who.subject.as_str(), who.session_id.as_deref()), ("ann", Some("s-1")));
    assert_eq!((who.roles, who.accounts[0].id.as_str()), (vec!["reader".to_owned()], "1663"));
    assert_eq!(who.expires_at.unwrap().secs(), 1_699_999_200 + 8 * 3600);
    assert_eq!(json!(who.attributes), json!({"department": "Sales"}));
}
