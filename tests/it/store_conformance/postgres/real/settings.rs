//! Each setting does what it says.

use std::time::Instant;

use super::*;
use crate::real::free_port;
use crate::real::proxy::Proxy;

/// A table with this in it.
async fn with(schema: &Schema, key: &str, value: impl Into<Value>) -> Value {
    let mut table = schema.table().await;
    table["postgres"][key] = value.into();
    table
}

/// Another client that has the session's row locked until it is dropped.
async fn lock(schema: &Schema) -> tokio_postgres::Client {
    let client = postgres::shared().await.connect(schema.database).await.unwrap();
    let lock = format!("BEGIN; SELECT 1 FROM {}.sessions FOR UPDATE", schema.name);
    client.batch_execute(&lock).await.unwrap();
    client
}

#[tokio::test]
async fn the_tables_are_in_the_schema() {
    let schema = Schema::fresh().await;
    let mut table = schema.table().await;
    table["schema"] = format!("{}_b", schema.name).into();
    drop(open(table).await.unwrap());
    let tables = format!(
        "SELECT count(*) FROM pg_tables WHERE schemaname = '{}_b' AND tablename = 'sessions'",
        schema.name
    );
    assert_eq!(schema.number(&tables).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_waits_longer_than_the_timeout_and_its_connection_is_used_again() {
    let schema = Schema::fresh().await;
    let mut table = with(&schema, "timeout", "300ms").await;
    table["postgres"]["max_connections"] = 1.into();
    let store = open(table).await.unwrap();
    let session = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let locked = lock(&schema).await;
    let started = Instant::now();
    let late = store.refresh(&token(&session, 1), next(1), at(1)).await.unwrap_err();
    assert!(late.to_string().contains("no answer in time"), "{late}");
    // The only connection still waits for that answer: nobody else gets one, or a new one.
    let busy = store.devices(&tenant("nagra"), &account("1663")).await.unwrap_err();
    assert!(busy.0.contains("every connection is in use"), "{busy}");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    drop(locked);
    crate::real::eventually("it answers again", async || store.check().await.ok()).await;
    // What nobody waited for has happened, and the client's retry gets its pair.
    let retried = store.refresh(&token(&session, 1), next(1), at(1)).await.unwrap();
    assert!(matches!(retried, cambio::session::Refreshed::Replayed(_)), "{retried:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_no_more_connections_than_allowed() {
    let schema = Schema::fresh().await;
    let role = format!("few_{}", schema.name);
    schema.execute(&format!("CREATE ROLE {role} SUPERUSER LOGIN PASSWORD 'x'")).await;
    let mut table = with(&schema, "user", role.clone()).await;
    table["postgres"]["password"] = "x".into();
    table["postgres"]["max_connections"] = 3.into();
    table["postgres"]["timeout"] = "20s".into();
    let store = open(table).await.unwrap();
    let calls = (0..64).map(|n| {
        let store = Arc::clone(&store);
        async move { store.begin(sign_on(n, &format!("d{n}")), at(0)).await.is_ok() }
    });
    assert!(race(calls).await.into_iter().all(|ok| ok));
    let count = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}'");
    let count = schema.number(&count).await;
    assert!((1..=3).contains(&count), "{count}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prepared_refresh_is_sent_by_its_name() {
    let schema = Schema::fresh().await;
    let proxy = Proxy::to(postgres::shared().await.port).await;
    // In this order: what the second waits for does not happen.
    for prepared in [false, true] {
        let mut table = schema.table_on(proxy.port);
        table["prepared_statements"] = prepared.into();
        table["postgres"]["max_connections"] = 1.into();
        let store = open(table).await.unwrap();
        let number = u64::from(prepared);
        let session = store.begin(sign_on(number, &format!("d{number}")), at(0)).await.unwrap();
        proxy.lose_the_answer_to(b"UPDATE");
        for generation in 1..=3 {
            let presented = token(&session.session, generation);
            let account = Some(facts("1663").account);
            let refreshed = store.refresh(&presented, NextPair { account, ..next(9) }, at(9)).await;
            assert!(refreshed.is_ok(), "{refreshed:?}");
        }
        assert_eq!(proxy.has_lost_it(), !prepared);
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_after_the_connect_timeout() {
    let schema = Schema::fresh().await;
    // Its queue takes connections, and nobody ever says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut table = schema.table_on(silent.local_addr().unwrap().port());
    table["postgres"]["connect_timeout"] = "200ms".into();
    let started = Instant::now();
    let error = open(table).await.unwrap_err();
    assert!(error.0.contains("no connection in time"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn nobody_there_and_a_wrong_password_are_told_apart() {
    let schema = Schema::fresh().await;
    let error = open(schema.table_on(free_port())).await.unwrap_err();
    assert!(error.0.contains("cannot connect"), "{error}");
    let error = open(with(&schema, "password", "wrong").await).await.unwrap_err();
    assert!(error.0.contains("28P01") && !error.0.contains("wrong"), "{error}");
    let error = open(with(&schema, "database", "nowhere").await).await.unwrap_err();
    assert!(error.0.contains("3D000"), "{error}");
}

#[tokio::test]
async fn a_password_may_be_in_a_file() {
    let schema = Schema::fresh().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    assert!(open(with(&schema, "password", json!({"file": file})).await).await.is_ok());
    std::fs::remove_file(&file).unwrap();
    let error = open(with(&schema, "password", json!({"file": file})).await).await.unwrap_err();
    assert!(error.0.contains("store.postgres.password: cannot read"), "{error}");
}

/// A role of its own, so that nobody else's sessions change.
async fn role_with(schema: &Schema, setting: &str) -> Value {
    let role = format!("{}_{}", setting.split(' ').next().unwrap(), schema.name);
    schema
        .execute(&format!(
            "CREATE ROLE {role} SUPERUSER LOGIN PASSWORD 'x'; ALTER ROLE {role} SET {setting}"
        ))
        .await;
    let mut table = with(schema, "user", role).await;
    table["postgres"]["password"] = "x".into();
    table
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_refused() {
    let schema = Schema::fresh().await;
    let table = role_with(&schema, "default_transaction_read_only TO on").await;
    let error = open(table).await.unwrap_err();
    assert!(error.0.contains("read-only"), "{error}");
}

#[tokio::test]
async fn a_server_that_acknowledges_what_it_may_lose_is_refused() {
    let schema = Schema::fresh().await;
    let table = role_with(&schema, "synchronous_commit TO off").await;
    let error = open(table).await.unwrap_err();
    assert!(error.0.contains("synchronous_commit is off"), "{error}");
}

#[tokio::test]
async fn a_stricter_isolation_is_no_obstacle() {
    let schema = Schema::fresh().await;
    let table = role_with(&schema, "default_transaction_isolation TO serializable").await;
    let store = open(table).await.unwrap();
    let session = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let answers = race((0..32).map(|_| {
        let (store, token) = (Arc::clone(&store), token(&session, 1));
        async move { store.refresh(&token, next(60), at(60)).await }
    }))
    .await;
    // Those that others were in the way of too often are told to try again; none is refused.
    assert!(answers.iter().any(Result::is_ok));
    let refused =
        |e: &cambio::session::RefreshError| !matches!(e, cambio::session::RefreshError::Store(_));
    assert!(!answers.iter().any(|a| a.as_ref().is_err_and(refused)), "{answers:?}");
}
