//! The documented way to read an application's session store: each example is read as the server
//! reads it, finds a session of the real application, and is what `docs/sso/<system>.md` shows.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cambio::domain::Timestamp;
use cambio::sso::SsoValidator;
use serde_json::Value;

use crate::fake_postgres::{Column, FakePostgres, TEXT};
use crate::fake_redis::FakeRedis;
use crate::sso_examples::{example, read};
use crate::sso_fixtures::{cookie, cx_at, validator, vector};

/// The validator `site` of an example, these texts of it replaced.
fn site_with(system: &str, others: &[(&str, String)]) -> Arc<dyn SsoValidator> {
    let settings = read(system);
    let table = &settings.validators.iter().find(|(name, _)| *name == "site").unwrap().1;
    let mut text = table.to_string();
    for (there, here) in others {
        assert!(text.contains(there), "{there} in {text}");
        text = text.replace(there, here);
    }
    validator(serde_json::from_str(&text).unwrap())
}

/// What stands in place of the example's store.
fn on_redis(redis: &FakeRedis) -> [(&'static str, String); 3] {
    [
        (r#"{"file":"/run/secrets/redis-password"}"#, "\"password\"".to_owned()),
        (r#""host":"redis.example.com""#, format!(r#""host":"127.0.0.1","port":{}"#, redis.port)),
        (r#","tls":{}"#, String::new()),
    ]
}

async fn subject(site: &Arc<dyn SsoValidator>, text: &str) -> (String, Vec<String>) {
    let cx = cx_at(Timestamp::from_secs(1_795_279_000), Duration::from_secs(10));
    let who = site.validate(&cookie(text), &cx).await.unwrap();
    (who.subject.as_str().to_owned(), who.roles)
}

#[tokio::test]
async fn the_example_for_express_reads_its_session() {
    let (file, text) = vector("express-session", "/cookie_raw");
    let at = |pointer: &str| file.pointer(pointer).unwrap().as_str().unwrap();
    let redis = FakeRedis::start(&[(at("/redis_key"), at("/redis_value"), 3_600_000)]).await;
    let secret = (r#"{"file":"/run/secrets/express-secret"}"#, file["secret"].to_string());
    let site = site_with("express", &[&on_redis(&redis)[..], &[secret]].concat());
    assert_eq!(subject(&site, &text).await, ("42".to_owned(), vec!["dev".into(), "ops".into()]));
}

#[tokio::test]
async fn the_example_for_php_reads_its_session() {
    let (file, line) = vector("php-redis", "/vectors/0/set_cookie");
    let at = |pointer: &str| file.pointer(pointer).unwrap().as_str().unwrap();
    let key = at("/vectors/0/redis_key");
    let redis = FakeRedis::start(&[(key, at("/vectors/0/redis_value"), 1_440_000)]).await;
    let site = site_with("php", &on_redis(&redis));
    let id = line.strip_prefix("PHPSESSID=").unwrap().split(';').next().unwrap();
    assert_eq!(subject(&site, id).await, ("alice".to_owned(), vec!["dev".into(), "ops".into()]));
}

#[tokio::test]
async fn the_example_for_flask_session_reads_its_session() {
    let (file, id) = vector("flask", "/flask_session_redis/0/cookie");
    let value = file.pointer("/flask_session_redis/0/redis_value_b64").unwrap().as_str().unwrap();
    let value = STANDARD.decode(value).unwrap();
    let key = file.pointer("/flask_session_redis/0/redis_key").unwrap().as_str().unwrap();
    let redis = FakeRedis::start_with(&[(key, &value, 60_000)]).await;
    let site = site_with("flask-session", &on_redis(&redis));
    assert_eq!(subject(&site, &id).await, ("42".to_owned(), vec!["dev".into()]));
}

#[tokio::test]
async fn the_example_for_laravel_reads_its_session() {
    let (file, text) = vector("laravel", "/vectors/0/cookie_in_header");
    let at = |pointer: &str| file.pointer(pointer).unwrap().as_str().unwrap();
    let key = format!("laravel_database_laravel_cache_:{}", at("/vectors/0/session_id"));
    let inner = format!("a:1:{{s:{}:\"{}\";i:7;}}", at("/login_key").len(), at("/login_key"));
    let value = format!("s:{}:\"{inner}\";", inner.len());
    let redis = FakeRedis::start(&[(&key, &value, 60_000)]).await;
    let app_key = (r#"{"file":"/run/secrets/laravel-app-key"}"#, file["app_key"].to_string());
    let site = site_with("laravel-session", &[&on_redis(&redis)[..], &[app_key]].concat());
    assert_eq!(subject(&site, &text).await, ("7".to_owned(), vec![]));
}

#[tokio::test]
async fn the_example_for_djangos_cache_reads_its_session() {
    let (file, id) = vector("django", "/cache_redis/cookie");
    let value = STANDARD.decode(in_text(&file, "/cache_redis/redis_value_b64")).unwrap();
    let key = in_text(&file, "/cache_redis/redis_key");
    let redis = FakeRedis::start_with(&[(&key, &value, 60_000)]).await;
    let secret = (r#"{"file":"/run/secrets/django-secret-key"}"#, file["secret_key"].to_string());
    let site = site_with("django-cache", &[&on_redis(&redis)[..], &[secret]].concat());
    assert_eq!(subject(&site, &id).await, ("1".to_owned(), vec!["dev".into()]));
    assert!(redis.commands().contains(&vec!["SELECT".to_owned(), "1".to_owned()]));
}

/// What stands in place of the example's database.
fn on_postgres(postgres: &FakePostgres) -> [(&'static str, String); 3] {
    let port = postgres.port;
    [
        (r#"{"file":"/run/secrets/postgres-password"}"#, "\"password\"".to_owned()),
        (r#""host":"db.example.com""#, format!(r#""host":"127.0.0.1","port":{port}"#)),
        (r#","tls":{}"#, String::new()),
    ]
}

fn column(name: &'static str, text: &str) -> Column {
    (name, TEXT, Some(text.as_bytes().to_vec()))
}

fn in_text(file: &Value, pointer: &str) -> String {
    file.pointer(pointer).unwrap().as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_example_for_djangos_sessions_reads_its_row() {
    let (file, id) = vector("django", "/db/cookie");
    let row = vec![
        column("data", &in_text(&file, "/db/session_data")),
        column("expires_at", &in_text(&file, "/db/expire_date")),
    ];
    let user = vec![
        column("user_password", &in_text(&file, "/user/password_field")),
        column("username", &in_text(&file, "/user/username")),
    ];
    let id: &'static str = id.leak();
    let postgres = FakePostgres::start(&[(id, vec![row]), ("1", vec![user])]).await;
    let secret = (r#"{"file":"/run/secrets/django-secret-key"}"#, file["secret_key"].to_string());
    let site = site_with("django-sessions", &[&on_postgres(&postgres)[..], &[secret]].concat());
    assert_eq!(subject(&site, id).await, ("alice".to_owned(), vec!["dev".into()]));
}

#[tokio::test]
async fn the_example_for_better_auths_sessions_reads_its_row() {
    let (file, text) = vector("better-auth", "/cookie_raw");
    let row = vec![
        column("subject", &in_text(&file, "/session_row/userId")),
        column("email", &in_text(&file, "/user_row/email")),
        column("expires_at", &in_text(&file, "/session_row/expiresAt")),
    ];
    let token: &'static str = in_text(&file, "/token").leak();
    let postgres = FakePostgres::start(&[(token, vec![row])]).await;
    let secret = (r#"{"file":"/run/secrets/better-auth-secret"}"#, file["secret"].to_string());
    let site =
        site_with("better-auth-sessions", &[&on_postgres(&postgres)[..], &[secret]].concat());
    let user = in_text(&file, "/user_row/id");
    assert_eq!(subject(&site, &text).await, (user, vec![]));
}

#[test]
fn the_documentation_shows_the_examples_as_they_are() {
    for (system, page) in [
        ("better-auth-sessions", "better-auth"),
        ("django-cache", "django"),
        ("django-sessions", "django"),
        ("express", "express"),
        ("flask-session", "flask-session"),
        ("laravel-session", "laravel"),
        ("php", "php"),
    ] {
        let page = format!("{}/docs/sso/{page}.md", env!("CARGO_MANIFEST_DIR"));
        let page = std::fs::read_to_string(page).unwrap();
        let example = std::fs::read_to_string(example(system)).unwrap();
        assert!(page.contains(&format!("```toml\n{example}```\n")), "{system}");
    }
}
