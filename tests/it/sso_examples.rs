//! The documented way to connect a system: each `config/examples/<system>.toml` is read as the
//! server reads it, opens a cookie that the real system made, and is what
//! `docs/sso/<system>.md` shows.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cambio::config::{Settings, Sources, load};
use cambio::domain::Timestamp;
use cambio::sso::SsoValidator;
use serde_json::{Value, json};

use crate::fake_upstream::{Behaviour, Upstream};
use crate::sso_fixtures::{NOW, cookie, cx, cx_at, name, validator, vector};
use crate::support::Fixture;

pub(crate) fn example(system: &str) -> PathBuf {
    PathBuf::from(format!("{}/config/examples/{system}.toml", env!("CARGO_MANIFEST_DIR")))
}

pub(crate) fn read(system: &str) -> Settings {
    let sources = Sources { files: vec![example(system)], ..Sources::default() };
    load(&sources).unwrap_or_else(|problems| panic!("{system}: {problems:?}"))
}

/// The validator `site` of an example, the secret in it replaced by that of the cookie.
fn site(system: &str, key: &str, secret: Value) -> Arc<dyn SsoValidator> {
    let settings = read(system);
    let mut table = settings.validators.iter().find(|(name, _)| *name == "site").unwrap().1.clone();
    assert!(table[key].to_string().contains("/run/secrets/"), "{table}");
    table[key] = secret;
    validator(table)
}

#[tokio::test]
async fn the_example_for_better_auth_opens_its_cookie() {
    let (file, text) = vector("better-auth", "/session_data_cookie");
    let site = site("better-auth", "secrets", json!([file["secret"]]));
    let cx = cx_at(Timestamp::from_secs(1_795_280_000), Duration::from_secs(10));
    let who = site.validate(&cookie(&text), &cx).await.unwrap();
    assert_eq!(who.subject.as_str(), "gQKB3wKjEMjq7Bb3LFAi4OM74HD63JNe");
    assert_eq!(who.attributes["email"], "alice@example.test");
}

#[tokio::test]
async fn the_example_for_django_opens_its_cookie() {
    let (file, text) = vector("django", "/signed_cookies/vectors/0/cookie");
    let site = site("django", "secret_key", file["secret_key"].clone());
    let cx = cx_at(Timestamp::from_secs(1_795_278_600), Duration::from_secs(10));
    let who = site.validate(&cookie(&text), &cx).await.unwrap();
    assert_eq!(who.subject.as_str(), "1");
    assert_eq!(who.roles, ["dev", "ops"]);
}

#[tokio::test]
async fn the_example_for_flask_opens_its_cookie() {
    let (file, text) = vector("flask", "/vectors/0/cookie");
    let site = site("flask", "secret_key", file["secret_key"].clone());
    let cx = cx_at(Timestamp::from_secs(1_795_278_600), Duration::from_secs(10));
    let who = site.validate(&cookie(&text), &cx).await.unwrap();
    assert_eq!(who.subject.as_str(), "42");
    assert_eq!(who.roles, ["dev", "ops"]);
}

/// The validator `sso` of an example, asking this system instead of the one in it.
fn asking(example: &str, origin: &str) -> Arc<dyn SsoValidator> {
    let settings = read(example);
    let mut table = settings.validators.iter().find(|(name, _)| *name == "sso").unwrap().1.clone();
    let url = table["url"].as_str().unwrap().splitn(4, '/').nth(3).unwrap().to_owned();
    table["url"] = json!(format!("{origin}/{url}"));
    table.as_object_mut().unwrap().remove("cache");
    validator(table)
}

#[tokio::test]
async fn the_example_for_a_session_endpoint_reads_its_answer() {
    let session = |state: &str, left: i64| {
        let expires = NOW.secs() + left;
        Behaviour::json(
            json!({"username": "ann", "groups": ["a"], "state": state, "expires": expires}),
        )
    };
    for (answer, want) in [
        (session("active", 1), "verified"),
        (session("active", 0), "rejected"),
        (session("locked", 1), "rejected"),
        (Behaviour::json(json!({"username": "ann", "state": "active"})), "upstream"),
    ] {
        let up = Upstream::start(answer.clone()).await;
        let verdict = asking("http", &up.origin).validate(&cookie("abc"), &cx()).await;
        assert_eq!(name(&verdict), want, "{answer:?}");
        assert!(up.requests().concat().starts_with("GET /api/session HTTP/1.1\r\n"));
    }
}

/// What LemonLDAP::NG 2.16.1 answers; the real one is asked in `real/llng.rs`.
#[tokio::test]
async fn the_example_for_lemonldap_ng_reads_its_answer() {
    let session = |kind: &str, began: serde_json::Value| {
        Behaviour::json(
            json!({"uid": "dwho", "mail": "dwho@badwolf.org", "groups": "users; timelords",
            "_session_kind": kind, "_utime": began, "authenticationLevel": 1}),
        )
    };
    let ago = |secs: i64| NOW.secs() - secs;
    let id = "999ac88372db2b382751f821e03148dcdefb4cb6ae4df03880bbe8b859e4059a";
    for (answer, want) in [
        (session("SSO", json!(ago(71_999))), "verified"),
        (session("SSO", json!(ago(71_999).to_string())), "verified"),
        (session("SSO", json!(ago(72_000))), "rejected"),
        (session("ICAS", json!(ago(1))), "rejected"),
        (session("SSO", json!(null)), "upstream"),
        (
            Behaviour::status(400, "content-type: application/json\r\n", "{\"error\":\"0\"}"),
            "rejected",
        ),
        (Behaviour::status(403, "content-type: text/html\r\n", "denied by nginx"), "upstream"),
    ] {
        let up = Upstream::start(answer.clone()).await;
        let verdict = asking("lemonldap-ng", &up.origin).validate(&cookie(id), &cx()).await;
        assert_eq!(name(&verdict), want, "{answer:?}");
        let line = format!("GET /sessions/global/{id} HTTP/1.1\r\n");
        assert!(up.requests().concat().starts_with(&line));
        if let Ok(who) = verdict {
            assert_eq!(
                (who.subject.as_str(), &*who.roles),
                ("dwho", &["users".into(), "timelords".into()][..])
            );
            assert_eq!(who.expires_at.unwrap().secs(), NOW.secs() + 1);
            assert_eq!(who.attributes["mail"], "dwho@badwolf.org");
        }
    }
}

#[tokio::test]
async fn a_gateway_runs_on_every_example_that_asks() {
    for (_, example) in ASKING {
        Fixture::example(example, "").await;
    }
}

/// Pages, and the examples that they show.
const ASKING: [(&str, &str); 6] = [
    ("cas", "cas"),
    ("glewlwyd", "glewlwyd"),
    ("glewlwyd", "glewlwyd-oidc"),
    ("http", "http"),
    ("lemonldap-ng", "lemonldap-ng"),
    ("lemonldap-ng", "lemonldap-ng-whoami"),
];

#[test]
fn the_documentation_shows_the_examples_as_they_are() {
    let opening = ["better-auth", "django", "flask"].map(|system| (system, system));
    // Who is asked by these is real: see `real::oidc_provider` and `real::canaille`.
    let knowing_us =
        ["canaille", "introspection", "oidc", "oidc-provider"].map(|system| (system, system));
    for (page, system) in opening.into_iter().chain(knowing_us).chain(ASKING) {
        let page = format!("{}/docs/sso/{page}.md", env!("CARGO_MANIFEST_DIR"));
        let page = std::fs::read_to_string(page).unwrap();
        let example = std::fs::read_to_string(example(system)).unwrap();
        assert!(page.contains(&format!("```toml\n{example}```\n")), "{system}");
    }
}
