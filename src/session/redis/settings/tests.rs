//! What the `redis` table of a store takes and refuses. What each key does is shown on a real
//! Redis.

use serde_json::{Value, json};

use super::*;

fn problems_of(table: Value) -> Vec<String> {
    let mut problems = Problems::default();
    if let Some(settings) = setting::parse::<RedisStoreSettings>(table, "s", &mut problems) {
        settings.check("s", &mut problems);
    }
    problems.into_vec().into_iter().map(|p| p.path).collect()
}

#[test]
fn every_topology_has_defaults_that_are_enough() {
    assert!(problems_of(json!({})).is_empty());
    let nodes = json!(["127.0.0.1:1", "localhost:2", "[::1]:3"]);
    for topology in ["sentinel", "cluster"] {
        assert!(problems_of(json!({"topology": topology, "nodes": nodes})).is_empty());
    }
    assert!(problems_of(json!({"nodes": ["/run/redis/redis.sock"]})).is_empty());
}

#[test]
fn every_problem_is_named_by_its_key() {
    let table = json!({"nodes": [], "master_name": "", "prefix": "a{b", "connections": 0,
        "wait_replicas": 17, "deadline": 0, "wait_timeout": "1h"});
    let keys = [
        "nodes",
        "master_name",
        "prefix",
        "connections",
        "wait_replicas",
        "deadline",
        "wait_timeout",
    ];
    assert_eq!(problems_of(table), keys.map(|key| format!("s.{key}")));
    let two = json!({"nodes": ["127.0.0.1:1", "127.0.0.1:2"]});
    assert_eq!(problems_of(two), ["s.nodes"]);
    let cluster = json!({"topology": "cluster", "database": 1});
    assert_eq!(problems_of(cluster), ["s.database"]);
    assert_eq!(problems_of(json!({"topology": "ring"})), ["s.topology"]);
    assert_eq!(problems_of(json!({"url": "redis://x"})), ["s.url"]);
    let waits = json!({"connect_timeout": 0, "timeout": "1h"});
    assert_eq!(problems_of(waits), ["s.connect_timeout", "s.timeout"]);
}

#[test]
fn what_is_wrong_with_every_node_is_said_once() {
    let nodes = json!(["10.0.0.1:1", "10.0.0.2:1"]);
    let cluster = json!({"topology": "cluster", "nodes": nodes, "user": "u"});
    assert_eq!(problems_of(cluster), ["s.tls", "s.password"]);
    let plain = json!({"topology": "cluster", "nodes": nodes, "allow_plain": true});
    assert!(problems_of(plain).is_empty());
    let nowhere = json!({"topology": "cluster", "nodes": ["a b:1", "host", "host:port"]});
    assert_eq!(problems_of(nowhere)[..1], ["s.nodes"]);
    let sentinel = json!({"topology": "sentinel", "sentinel_user": "u",
        "sentinel_password": {"file": "/nonexistent"}, "password": {"file": "/nonexistent"}});
    assert_eq!(problems_of(sentinel), ["s.password", "s.sentinel_password"]);
}

#[test]
fn who_waits_for_replicas_has_more_connections_unless_told_otherwise() {
    let read = |table: Value| {
        setting::parse::<RedisStoreSettings>(table, "s", &mut Problems::default()).unwrap()
    };
    assert_eq!(read(json!({})).connections(), 1);
    assert_eq!(read(json!({"wait_replicas": 1})).connections(), CONNECTIONS_WHEN_WAITING);
    assert_eq!(read(json!({"wait_replicas": 1, "connections": 2})).connections(), 2);
}

#[test]
fn passwords_are_not_shown() {
    let table = json!({"password": "hunter2", "sentinel_password": "hunter3"});
    let settings: RedisStoreSettings =
        setting::parse(table, "s", &mut Problems::default()).unwrap();
    assert!(!format!("{settings:?}").contains("hunter"));
}
