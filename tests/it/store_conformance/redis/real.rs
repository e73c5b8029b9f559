//! What only the `redis` backend promises, each on a real Redis, and what its settings do.

mod expiry;
mod late;
mod login;
mod lost_answers;
mod moving;
mod not_there;
mod replicas;
mod taken_back;
mod tls;
mod waits;

use cambio::session::{BeginError, RefreshError, Refreshed};
use serde_json::{Value, json};

use super::super::*;
use super::patient;
use crate::real::redis::{PASSWORD, Redis};

/// Settings for a Redis at this port, with more of them. Patient, unless those say otherwise.
fn settings(port: u16, more: Value) -> Value {
    let mut redis = patient(json!({"nodes": [format!("127.0.0.1:{port}")], "password": PASSWORD}));
    redis.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"kind": "redis", "redis": redis})
}

async fn text_of(redis: &Redis, words: &[&str]) -> String {
    ::redis::from_redis_value(redis.ask(words).await.unwrap()).unwrap()
}

async fn number_of(redis: &Redis, words: &[&str]) -> i64 {
    ::redis::from_redis_value(redis.ask(words).await.unwrap()).unwrap()
}

/// Whoever waits for replicas of this server, once so many do, in the order in which they connected.
async fn waiters(redis: &Redis, count: usize) -> Vec<String> {
    crate::real::eventually("they wait", async || {
        let clients = text_of(redis, &["CLIENT", "LIST"]).await;
        let blocked = clients.lines().filter(|client| client.contains(" flags=b "));
        let ids = blocked.filter_map(|client| client.strip_prefix("id=")?.split(' ').next());
        let ids: Vec<_> = ids.map(str::to_owned).collect();
        (ids.len() == count).then_some(ids)
    })
    .await
}

/// Lets one of them wait no longer.
async fn give_up(redis: &Redis, waiter: &str) {
    assert_eq!(number_of(redis, &["CLIENT", "UNBLOCK", waiter]).await, 1);
}

#[tokio::test]
async fn keys_begin_with_the_prefix_and_stand_in_the_database() {
    let redis = Redis::start().await;
    let more = json!({"prefix": "a*b:", "database": 3});
    let store = open(settings(redis.port, more)).await.unwrap();
    store.put_ticket(digest(1), ticket()).await.unwrap();
    store.swap_keys("ring", 0, b"bytes").await.unwrap();
    store.begin(claiming(sign_on(1, "a"), digest(1)), at(0)).await.unwrap();
    let keyspace = text_of(&redis, &["INFO", "keyspace"]).await;
    // Whose the ticket was is known until that expires; the ticket itself is gone.
    assert!(keyspace.contains("db3:keys=4,") && !keyspace.contains("db0"), "{keyspace}");
    redis.ask(&["SWAPDB", "0", "3"]).await.unwrap();
    let mut names: Vec<String> =
        ::redis::from_redis_value(redis.ask(&["KEYS", "*"]).await.unwrap()).unwrap();
    names.sort();
    let digest = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
    let owner = format!("a*b:t:{digest}");
    assert_eq!(names, ["a*b:k:ring", &owner, "a*b:{nagra/1663}:d", "a*b:{nagra/1663}:s"]);
}

#[tokio::test]
async fn stores_with_other_prefixes_are_apart() {
    let redis = Redis::start().await;
    let one = open(settings(redis.port, json!({"prefix": "one:"}))).await.unwrap();
    let other = open(settings(redis.port, json!({"prefix": "o*:"}))).await.unwrap();
    let session = one.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let account = account("1663");
    let find = other.session(&session.tenant, &account, session.id, at(0));
    assert_eq!(find.await, Ok(None));
    assert_eq!(other.page(None, 100, at(0)).await.unwrap().sessions, []);
    assert_eq!(one.page(None, 100, at(0)).await.unwrap().sessions, [session]);
}

#[tokio::test]
async fn accounts_of_any_name_keep_to_one_slot_of_a_cluster() {
    let cluster = Backend::redis_cluster().await;
    for (n, name) in ["a}b{c", "{}", "}{", "a/b", "zoë:s", "{nagra/1663}:s"].iter().enumerate() {
        let n = u8::try_from(n).unwrap();
        let ticket = Ticket { account: account(name), ..ticket() };
        cluster.store.put_ticket(digest(n), ticket).await.unwrap();
        let mut new = claiming(sign_on(n.into(), "d"), digest(n));
        new.facts = facts(name);
        if let DeviceRequest::Register { device, .. } = &mut new.device {
            device.account = account(name);
        }
        let session = cluster.store.begin(new, at(0)).await.unwrap().session;
        cluster.other.refresh(&token(&session, 1), next(0), at(0)).await.unwrap();
        assert_eq!(
            cluster.store.sessions(&tenant("nagra"), &account(name), at(0)).await.unwrap().len(),
            1
        );
    }
    assert_eq!(cluster.store.page(None, 100, at(0)).await.unwrap().sessions.len(), 6);
}

#[tokio::test]
async fn scripts_that_redis_has_forgotten_are_sent_again() {
    let redis = Redis::start().await;
    let store = open(settings(redis.port, json!({}))).await.unwrap();
    let session = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    for generation in 1..4 {
        redis.ask(&["SCRIPT", "FLUSH"]).await.unwrap();
        store.refresh(&token(&session, generation), next(0), at(0)).await.unwrap();
    }
}

#[tokio::test]
async fn an_unreadable_record_is_an_error_and_never_a_verdict() {
    let redis = Redis::start().await;
    let store = open(settings(redis.port, json!({}))).await.unwrap();
    let session = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let (key, field) = ("cambio:{nagra/1663}:s", format!("{}.1", at(END).secs()));
    redis.ask(&["HSET", key, &field, "a secret"]).await.unwrap();
    let account = account("1663");
    let find = store.session(&session.tenant, &account, session.id, at(0)).await;
    let refreshed = store.refresh(&token(&session, 1), next(0), at(0)).await;
    let begun = store.begin(sign_on(2, "b"), at(0)).await;
    let ended = store.end(&session.tenant, &account, session.id, &session.device, at(0));
    let errors = [
        find.unwrap_err().0,
        match refreshed {
            Err(RefreshError::Store(e)) => e.0,
            other => panic!("{other:?}"),
        },
        match begun {
            Err(BeginError::Store(e)) => e.0,
            other => panic!("{other:?}"),
        },
        ended.await.unwrap_err().0,
    ];
    assert!(errors.iter().all(|error| !error.contains("secret")), "{errors:?}");
    // Ending everything works whatever is there.
    assert_eq!(store.end_all(&session.tenant, &account, at(0)).await, Ok(1));
    assert!(store.begin(sign_on(2, "b"), at(0)).await.is_ok());
}

#[tokio::test]
async fn a_key_of_another_type_is_an_error() {
    let redis = Redis::start().await;
    let store = open(settings(redis.port, json!({}))).await.unwrap();
    redis.ask(&["SET", "cambio:{nagra/1663}:s", "x"]).await.unwrap();
    assert!(matches!(store.begin(sign_on(1, "a"), at(0)).await, Err(BeginError::Store(_))));
    assert_eq!(store.devices(&tenant("nagra"), &account("1663")).await, Ok(vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_as_many_connections_as_configured() {
    for (more, expected) in [(json!({}), 1), (json!({"connections": 5}), 5)] {
        let redis = Redis::start().await;
        let store = open(settings(redis.port, more)).await.unwrap();
        let calls = (0..20).map(|_| {
            let store = Arc::clone(&store);
            async move { store.devices(&tenant("nagra"), &account("1663")).await.unwrap() }
        });
        race(calls).await;
        let clients = text_of(&redis, &["CLIENT", "LIST"]).await;
        // And the one that asks.
        assert_eq!(clients.lines().count(), expected + 1, "{clients}");
    }
}
