//! What the `postgres` table takes and refuses.

use serde_json::{Value, json};
use tokio_postgres::config::{Host, SslMode};

use super::*;
use crate::domain::setting::{Problems, parse};

fn problems_of(table: Value) -> Vec<String> {
    let mut problems = Problems::default();
    if let Some(settings) = parse::<PostgresSettings>(table, "postgres", &mut problems) {
        assert_eq!(settings.load("postgres", &mut problems).is_none(), !problems.is_empty());
    }
    problems.into_vec().into_iter().map(|p| p.path).collect()
}

fn server(table: Value) -> Arc<PostgresServer> {
    let mut problems = Problems::default();
    let settings: PostgresSettings = parse(table, "postgres", &mut problems).unwrap();
    let server = settings.load("postgres", &mut problems);
    server.unwrap_or_else(|| panic!("{problems:?}"))
}

#[test]
fn defaults_are_enough() {
    assert!(problems_of(json!({})).is_empty());
    let server = server(json!({}));
    let config = server.hosts.configs().next().unwrap();
    assert_eq!(config.get_hosts(), [Host::Tcp("127.0.0.1".to_owned())]);
    assert_eq!(config.get_ports(), [5432]);
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
    let config = server.hosts.configs().next().unwrap();
    assert_eq!(config.get_hosts(), [Host::Tcp("p.example.com".to_owned())]);
    assert_eq!(config.get_ports(), [6432]);
    assert_eq!(config.get_dbname(), Some("shop"));
    assert_eq!(config.get_user(), Some("reader"));
    assert_eq!(config.get_password(), Some(&b"hunter2"[..]));
    assert_eq!(config.get_ssl_mode(), SslMode::Disable);
    assert!(config.get_options().is_none(), "a proxy would refuse startup options");
    assert!(!format!("{server:?}").contains("hunter2"));
}

#[test]
fn several_hosts_are_one_server_each() {
    let hosts = json!({"hosts": ["a.example.com:5432", "[::1]:6432", "/run/postgresql:5433"],
        "user": "reader", "password": "hunter2", "allow_plain": true});
    let server = server(hosts);
    let places: Vec<_> = server.hosts.configs().map(|c| (c.get_hosts(), c.get_ports())).collect();
    let tcp = |host: &str| vec![Host::Tcp(host.to_owned())];
    let socket = [Host::Unix("/run/postgresql".into())];
    assert_eq!(
        places,
        [
            (&tcp("a.example.com")[..], &[5432][..]),
            (&tcp("::1")[..], &[6432][..]),
            (&socket[..], &[5433][..]),
        ]
    );
    for config in server.hosts.configs() {
        assert_eq!(config.get_user(), Some("reader"));
        assert_eq!(config.get_password(), Some(&b"hunter2"[..]));
    }
}

#[test]
fn a_server_is_said_in_one_way() {
    let hosts = json!(["127.0.0.1:5432", "127.0.0.1:5433"]);
    assert!(problems_of(json!({"hosts": hosts})).is_empty());
    assert_eq!(problems_of(json!({"hosts": hosts, "host": "127.0.0.1"})), ["postgres.host"]);
    assert_eq!(problems_of(json!({"hosts": hosts, "port": 5432})), ["postgres.port"]);
}

#[test]
fn hosts_are_a_list_of_different_places() {
    for hosts in [
        json!([]),
        json!(["127.0.0.1"]),
        json!(["127.0.0.1:0"]),
        json!(["127.0.0.1:65536"]),
        json!([":5432"]),
        json!(["::1:5432"]),
        json!(["a@127.0.0.1:5432"]),
        json!(["127.0.0.1:5432", "127.0.0.1:5433", "127.0.0.1:5432"]),
        json!((1..=17).map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>()),
    ] {
        assert_eq!(problems_of(json!({"hosts": hosts})), ["postgres.hosts"], "{hosts}");
    }
    let hosts = json!(["127.0.0.1:5432", "10.0.0.1:5432", "10.0.0.2:5432"]);
    assert_eq!(problems_of(json!({"hosts": hosts})), ["postgres.tls"]);
    assert!(problems_of(json!({"hosts": hosts, "allow_plain": true})).is_empty());
}

#[test]
fn tls_is_required_once_it_is_enabled() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    let made = rcgen::generate_simple_self_signed(["db.example.com".to_owned()]).unwrap();
    std::fs::write(&file, made.cert.pem()).unwrap();
    let server = server(json!({"host": "db.example.com", "tls": {"ca_file": file}}));
    assert_eq!(server.hosts.configs().next().unwrap().get_ssl_mode(), SslMode::Require);
    assert!(server.tls.is_some());
}

#[tokio::test]
async fn an_outage_that_is_known_costs_nobody_their_deadline() {
    let silent: [_; 2] =
        std::array::from_fn(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let hosts = silent.each_ref().map(|host| host.local_addr().unwrap().to_string());
    let pool = server(json!({"hosts": hosts, "connect_timeout": "60s", "timeout": "60s",
        "max_connections": 1}))
    .pool();
    assert!(pool.lease(Instant::now() + Duration::from_millis(600)).await.is_err());
    let known = Instant::now();
    while known.elapsed() < Duration::from_secs(2) {
        // Whoever begins the search, those who wait for it, and those who wait for their place.
        let calls = (0..100).map(|_| pool.lease(Instant::now() + Duration::from_secs(60)));
        for told in futures_util::future::join_all(calls).await {
            assert_eq!(told.unwrap_err().kind, FaultKind::NotConnected);
        }
    }
    assert!(known.elapsed() < Duration::from_secs(20), "{:?}", known.elapsed());
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
