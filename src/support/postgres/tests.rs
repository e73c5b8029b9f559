//! What the `postgres` table takes and refuses.

use serde_json::{Value, json};
use tokio_postgres::config::Host;

use super::*;
use crate::domain::setting::parse;

fn problems_of(table: Value) -> Vec<String> {
    let mut problems = Problems::default();
    if let Some(settings) = parse::<PostgresSettings>(table, "postgres", &mut problems) {
        assert_eq!(settings.load("postgres", &mut problems).is_none(), !problems.is_empty());
    }
    problems.into_vec().into_iter().map(|p| p.path).collect()
}

fn server(table: Value) -> PostgresServer {
    let mut problems = Problems::default();
    let settings: PostgresSettings = parse(table, "postgres", &mut problems).unwrap();
    let server = settings.load("postgres", &mut problems);
    server.unwrap_or_else(|| panic!("{problems:?}"))
}

#[test]
fn defaults_are_enough() {
    assert!(problems_of(json!({})).is_empty());
}

#[test]
fn every_problem_is_named_by_its_key() {
    assert_eq!(problems_of(json!({"host": "10.0.0.1"})), ["postgres.tls"]);
    assert_eq!(problems_of(json!({"user": ""})), ["postgres.user"]);
    assert_eq!(problems_of(json!({"database": "a\u{0}b"})), ["postgres.database"]);
    assert_eq!(problems_of(json!({"password": {"file": "/nonexistent"}})), ["postgres.password"]);
    assert_eq!(problems_of(json!({"url": "postgres://x"})), ["postgres.url"]);
    assert_eq!(problems_of(json!({"max_connections": 0})), ["postgres.max_connections"]);
    let waits = json!({"connect_timeout": 0, "timeout": "1h"});
    assert_eq!(problems_of(waits), ["postgres.connect_timeout", "postgres.timeout"]);
}

#[test]
fn the_settings_become_the_connection() {
    let server = server(json!({"host": "p.example.com", "port": 6432, "database": "shop",
        "user": "reader", "password": "hunter2", "allow_plain": true}));
    assert_eq!(server.config.get_hosts(), [Host::Tcp("p.example.com".to_owned())]);
    assert_eq!(server.config.get_ports(), [6432]);
    assert_eq!(server.config.get_dbname(), Some("shop"));
    assert_eq!(server.config.get_user(), Some("reader"));
    assert_eq!(server.config.get_password(), Some(&b"hunter2"[..]));
    assert_eq!(server.config.get_ssl_mode(), SslMode::Disable);
    assert!(server.config.get_options().is_none(), "a proxy would refuse startup options");
    assert!(!format!("{server:?}").contains("hunter2"));
}

#[test]
fn tls_is_required_once_it_is_enabled() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    let made = rcgen::generate_simple_self_signed(["db.example.com".to_owned()]).unwrap();
    std::fs::write(&file, made.cert.pem()).unwrap();
    let server = server(json!({"host": "db.example.com", "tls": {"ca_file": file}}));
    assert_eq!(server.config.get_ssl_mode(), SslMode::Require);
    assert!(server.tls.is_some());
}

#[tokio::test]
async fn a_refused_connection_is_not_connected() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let pool = server(json!({"port": port})).pool();
    let fault = pool.lease(Instant::now() + Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::NotConnected, "{fault}");
}
