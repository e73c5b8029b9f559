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

use crate::sso_fixtures::{cookie, cx_at, validator, vector};

fn example(system: &str) -> PathBuf {
    PathBuf::from(format!("{}/config/examples/{system}.toml", env!("CARGO_MANIFEST_DIR")))
}

fn read(system: &str) -> Settings {
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

/// Who else is asked is real: see `real::oidc_provider` and `real::canaille`.
#[test]
fn the_examples_that_ask_are_read() {
    for system in ["canaille", "introspection", "oidc"] {
        assert!(!read(system).tenants.is_empty(), "{system}");
    }
}

#[test]
fn the_documentation_shows_the_examples_as_they_are() {
    for system in ["better-auth", "canaille", "django", "flask", "introspection", "oidc"] {
        let page = format!("{}/docs/sso/{system}.md", env!("CARGO_MANIFEST_DIR"));
        let page = std::fs::read_to_string(page).unwrap();
        let example = std::fs::read_to_string(example(system)).unwrap();
        assert!(page.contains(&format!("```toml\n{example}```\n")), "{system}");
    }
}
