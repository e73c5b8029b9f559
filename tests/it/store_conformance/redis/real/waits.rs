//! How long a call waits: for a connection, for an answer, and in all.

use std::time::Instant;

use super::*;
use crate::real::proxy::{Network, Proxy};

/// Ample for a wait of 100 ms on a busy machine; far less than the others, which are a minute.
const SOON: Duration = Duration::from_secs(5);

async fn fails_soon<T: std::fmt::Debug>(
    call: impl Future<Output = Result<T, StoreError>>,
) -> String {
    let begun = Instant::now();
    let error = call.await.unwrap_err();
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    error.0
}

#[tokio::test]
async fn an_answer_is_waited_for_until_the_timeout_and_a_call_until_its_deadline() {
    for short in ["timeout", "deadline"] {
        let redis = Redis::start().await;
        let proxy = Proxy::to(redis.port).await;
        let mut waits = json!({"connect_timeout": "60s", "timeout": "60s", "deadline": "60s"});
        waits[short] = json!("100ms");
        let store = open(settings(proxy.port, waits)).await.unwrap();
        proxy.becomes(Network::Silent);
        let error = fails_soon(store.devices(&tenant("nagra"), &account("1663"))).await;
        assert!(error.contains("no answer in time"), "{short}: {error}");
    }
}

#[tokio::test]
async fn a_connection_is_waited_for_until_its_timeout() {
    let redis = Redis::start().await;
    let proxy = Proxy::to(redis.port).await;
    proxy.becomes(Network::Silent);
    let waits = json!({"connect_timeout": "100ms", "timeout": "60s", "deadline": "60s"});
    let error = fails_soon(open(settings(proxy.port, waits))).await;
    assert!(error.contains("cannot connect"), "{error}");
}

#[tokio::test]
async fn who_takes_a_cluster_for_one_server_is_told() {
    let cluster = crate::real::redis_cluster::shared().await;
    let store = open(settings(cluster.nodes[0].port, json!({}))).await.unwrap();
    let mut errors = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        errors.extend(store.devices(&tenant("nagra"), &account(name)).await.err());
    }
    assert!(errors.iter().all(|e| e.0.contains("set topology")) && !errors.is_empty());
}
