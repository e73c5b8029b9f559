//! Sweeping and refreshing cost what they should: an index finds what is due, and a refresh
//! changes none.

use std::num::NonZeroU32;

use cambio::session::{NewSession, RefreshError, SessionLimit, WhenFull};

use super::*;
use crate::real::eventually;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_changes_no_index() {
    let schema = Schema::fresh().await;
    let store = schema.open().await.unwrap();
    for number in 0..20 {
        let new = sign_on(number, &format!("d{number}"));
        let session = store.begin(new, at(0)).await.unwrap().session;
        for generation in 1..=10 {
            let now = i64::from(generation) * 60;
            store.refresh(&token(&session, generation), next(now), at(now)).await.unwrap();
        }
    }
    // The server counts a moment later. 85 % of each page is filled, so a few rows move.
    let counted = format!(
        "SELECT n_tup_upd FROM pg_stat_user_tables
         WHERE schemaname = '{}' AND relname = 'sessions'",
        schema.name
    );
    eventually("the updates are counted", async || {
        (schema.number(&counted).await == 200).then_some(())
    })
    .await;
    let hot = schema.number(&counted.replace("n_tup_upd", "n_tup_hot_upd")).await;
    assert!(hot >= 190, "{hot} of 200");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_refreshed_is_put_off_and_swept_in_its_time() {
    let schema = Schema::fresh().await;
    let store = schema.open().await.unwrap();
    let session = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    store.refresh(&token(&session, 1), next(100), at(100)).await.unwrap();
    let due = "SELECT sweep_at FROM @sessions";
    assert_eq!(schema.number(due).await, at(IDLE).secs());
    assert_eq!(store.sweep(10, at(IDLE)).await, Ok(0));
    assert_eq!(schema.number(due).await, at(100 + IDLE).secs());
    assert_eq!(store.sweep(10, at(100 + IDLE)).await, Ok(1));
}

/// Each sign-on within a limit reads the account's sessions, those included.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_evicts_for_ever_keeps_a_thousand() {
    let schema = Schema::fresh().await;
    let store = schema.open().await.unwrap();
    let limit = SessionLimit { max: NonZeroU32::MIN, when_full: WhenFull::EvictOldest };
    let limited =
        |number| NewSession { limit: Some(limit), ..sign_on(number, &format!("d{number}")) };
    let first = store.begin(limited(1), at(0)).await.unwrap().session;
    store.begin(limited(2), at(1)).await.unwrap();
    assert_eq!(store.refresh(&token(&first, 1), next(1), at(1)).await, Err(RefreshError::Evicted));
    // Begun before.
    let many = "INSERT INTO @sessions SELECT (jsonb_populate_record(s, jsonb_build_object(
            'number', n, 'begun_at', s.begun_at - n))).*
        FROM @sessions s, generate_series(1000, 2499) n WHERE s.number = 1";
    schema.execute(many).await;
    let evicted = "SELECT count(*) FROM @sessions WHERE evicted";
    assert_eq!(schema.number(evicted).await, 1501);
    store.begin(limited(3), at(2)).await.unwrap();
    assert_eq!(schema.number(evicted).await, 1000);
    assert_eq!(store.refresh(&token(&first, 1), next(2), at(2)).await, Err(RefreshError::Evicted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_refreshed_sessions_do_not_keep_the_sweep_from_what_has_expired() {
    let schema = Schema::fresh().await;
    let store = schema.open().await.unwrap();
    for number in 0..40 {
        let new = NewSession { expires_at: at(10), ..sign_on(number, &format!("d{number}")) };
        let session = store.begin(new, at(0)).await.unwrap().session;
        if number < 39 {
            store.refresh(&token(&session, 1), next(5), at(5)).await.unwrap();
        }
    }
    schema.execute("UPDATE @sessions SET sweep_at = sweep_at - 1 WHERE number < 39").await;
    // All the others are looked at first, a few at a time.
    assert_eq!(store.sweep(5, at(10)).await, Ok(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_sweep_at_once_share_the_work() {
    let b = Backend::postgres().await;
    for number in 0..60 {
        b.store.begin(sign_on(number, &format!("d{number}")), at(0)).await.unwrap();
    }
    let sweeps = race((0..12_u64).map(|n| {
        let store = Arc::clone(if n.is_multiple_of(2) { &b.store } else { &b.other });
        async move { store.sweep(10, at(IDLE)).await.unwrap() }
    }))
    .await;
    let mut removed: u32 = sweeps.iter().sum();
    assert!(removed > 0 && sweeps.iter().all(|n| *n <= 10), "{sweeps:?}");
    loop {
        match b.store.sweep(10, at(IDLE)).await.unwrap() {
            0 => break,
            more => removed += more,
        }
    }
    assert_eq!(removed, 60);
}

/// The plan of a statement when tables are large, as text.
async fn plan(schema: &Schema, statement: &str) -> String {
    let client = postgres::shared().await.connect(schema.database).await.unwrap();
    client.batch_execute("SET enable_seqscan = off; SET enable_sort = off").await.unwrap();
    let statement = statement.replace('@', &format!("{}.", schema.name));
    let rows = client.query(&format!("EXPLAIN {statement}"), &[]).await.unwrap();
    rows.iter().map(|row| row.get::<_, String>(0) + "\n").collect()
}

#[tokio::test]
async fn indexes_find_what_is_asked_for() {
    let schema = Schema::fresh().await;
    drop(schema.open().await.unwrap());
    let asked = [
        (
            "SELECT 1 FROM @sessions WHERE sweep_at <= 1 ORDER BY sweep_at LIMIT 5 FOR UPDATE SKIP LOCKED",
            "sessions_sweep_at",
        ),
        (
            "SELECT 1 FROM @tickets WHERE expires_at <= 1 ORDER BY expires_at LIMIT 5 FOR UPDATE SKIP LOCKED",
            "tickets_expires_at",
        ),
        (
            "SELECT 1 FROM @sessions WHERE (tenant, account, ends_at, number) > ('a', 'b', 1, 2) ORDER BY tenant, account, ends_at, number LIMIT 5",
            "sessions_pkey",
        ),
        (
            "DELETE FROM @sessions WHERE tenant = 'a' AND account = 'b' AND expires_at > 1",
            "sessions_pkey",
        ),
        ("SELECT count(*) FROM @devices WHERE tenant = 'a' AND account = 'b'", "devices_pkey"),
    ];
    for (statement, index) in asked {
        let plan = plan(&schema, statement).await;
        assert!(plan.contains(index) && !plan.contains("Seq Scan"), "{plan}");
    }
}
