//! What the `redis` table takes and refuses.

use serde_json::{Value, json};

use super::*;
use crate::domain::setting::parse;

fn problems_of(table: Value) -> Vec<String> {
    let mut problems = Problems::default();
    if let Some(settings) = parse::<RedisSettings>(table, "redis", &mut problems) {
        assert_eq!(settings.load("redis", &mut problems).is_none(), !problems.is_empty());
    }
    problems.into_vec().into_iter().map(|p| p.path).collect()
}

#[test]
fn defaults_are_enough() {
    assert!(problems_of(json!({})).is_empty());
}

#[test]
fn every_problem_is_named_by_its_key() {
    assert_eq!(problems_of(json!({"host": "10.0.0.1"})), ["redis.tls"]);
    assert_eq!(problems_of(json!({"user": "app"})), ["redis.password"]);
    assert_eq!(problems_of(json!({"password": {"file": "/nonexistent"}})), ["redis.password"]);
    assert_eq!(problems_of(json!({"url": "redis://x"})), ["redis.url"]);
    assert_eq!(problems_of(json!({"tls": {"insecure": true}})), ["redis.tls.insecure"]);
    let waits = json!({"connect_timeout": 0, "timeout": "1h"});
    assert_eq!(problems_of(waits), ["redis.connect_timeout", "redis.timeout"]);
}

#[test]
fn the_settings_become_the_connection() {
    let table = json!({"host": "r.example.com", "port": 6380, "database": 3, "user": "app",
        "password": "hunter2", "allow_plain": true});
    let mut problems = Problems::default();
    let settings: RedisSettings = parse(table, "redis", &mut problems).unwrap();
    let server = settings.load("redis", &mut problems).unwrap();
    let log_in = server.info().redis_settings();
    assert_eq!(server.info().addr(), &ConnectionAddr::Tcp("r.example.com".to_owned(), 6380));
    assert_eq!(
        (log_in.db(), log_in.username(), log_in.password()),
        (3, Some("app"), Some("hunter2"))
    );
    assert!(!format!("{server:?} {settings:?}").contains("hunter2"));
}

#[test]
fn a_path_is_a_socket() {
    let settings = RedisSettings { host: "/run/redis.sock".to_owned(), ..RedisSettings::default() };
    let server = settings.load("redis", &mut Problems::default()).unwrap();
    assert_eq!(server.info().addr(), &ConnectionAddr::Unix("/run/redis.sock".into()));
}
