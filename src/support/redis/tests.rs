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

/// A server that refuses scripts as late on its first connections, and says that it is 1970. Answers
/// its port and what the scripts were told last.
async fn late_at_first(connections: usize) -> (u16, tokio::sync::mpsc::UnboundedReceiver<u64>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, seen) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        for turn in 0.. {
            let (mut client, _) = listener.accept().await.unwrap();
            let told = told.clone();
            tokio::spawn(async move {
                let mut buffer = vec![0; 4096];
                while let Ok(n @ 1..) = client.read(&mut buffer).await {
                    let said = String::from_utf8_lossy(&buffer[..n]).into_owned();
                    let answer = if said.contains("EVALSHA") {
                        let until = said.lines().last().unwrap().parse().unwrap();
                        told.send(until).unwrap();
                        if turn < connections { "-LATE so late\r\n" } else { ":1\r\n" }
                    } else {
                        "*2\r\n$4\r\n1000\r\n$6\r\n000007\r\n"
                    };
                    client.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    (port, seen)
}

async fn run_on(port: u16) -> Result<redis::Value, Fault> {
    run_as(port, |call| call).await
}

async fn run_as(port: u16, change: impl FnOnce(Call) -> Call) -> Result<redis::Value, Fault> {
    let settings = RedisSettings { port, ..RedisSettings::default() };
    let server = settings.load("redis", &mut Problems::default()).unwrap();
    let call = Script::in_time("return 1").on(&["key"], &[b"first"]);
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    Masters::one(server, 1).call("key", change(call), deadline).await.map(|answer| answer.value)
}

#[tokio::test]
async fn a_script_is_told_until_when_it_is_waited_for_by_the_servers_clock() {
    let (port, mut told) = late_at_first(0).await;
    assert_eq!(run_on(port).await, Ok(redis::Value::Int(1)));
    // The timeout is a second, and the rest of the minute is for a busy machine.
    let until = told.recv().await.unwrap();
    assert!((1_001_000_007..1_060_000_000).contains(&until), "{until}");
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_sent() {
    let (port, mut told) = late_at_first(0).await;
    let caller = std::sync::Arc::new(());
    let waits = std::sync::Arc::downgrade(&caller);
    assert!(run_as(port, |call| call.unless_gone(waits.clone())).await.is_ok());
    assert!(told.recv().await.is_some());
    drop(caller);
    let gone = run_as(port, |call| call.unless_gone(waits)).await;
    assert_eq!(gone.unwrap_err().kind, crate::support::FaultKind::Late);
    assert!(told.try_recv().is_err());
}

#[tokio::test]
async fn a_server_whose_clock_was_set_is_asked_the_time_again() {
    let (port, _told) = late_at_first(1).await;
    assert_eq!(run_on(port).await, Ok(redis::Value::Int(1)));
    let (port, _told) = late_at_first(2).await;
    assert_eq!(run_on(port).await.unwrap_err().kind, crate::support::FaultKind::Late);
}
