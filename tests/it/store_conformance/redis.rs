//! Stores in a real Redis: one server, a master that sentinels name, over TLS, and a cluster. `real` shows what only this backend
//! promises, and what each of its settings does.

mod real;

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::*;
use crate::real::redis::PASSWORD;
use crate::real::redis_cluster::RedisCluster;
use crate::real::redis_sentinel::{self, MASTER, SENTINEL_PASSWORD, Watched};
use crate::real::{redis, redis_cluster};

impl Backend {
    /// Keys of its own in the Redis that tests share.
    pub(super) async fn redis() -> Self {
        Self::in_redis(&standalone().await).await
    }

    /// Keys of its own in the cluster that tests share, whose replicas are waited for.
    pub(super) async fn redis_cluster() -> Self {
        Self::in_redis(&in_cluster(redis_cluster::shared().await)).await
    }

    /// Keys of its own in the master of the encrypted group that tests share.
    pub(super) async fn redis_sentinel() -> Self {
        let (group, certificates) = redis_sentinel::shared().await;
        let mut settings = watched(group);
        settings["redis"]["tls"] = certificates.known();
        Self::in_redis(&settings).await
    }

    async fn in_redis(settings: &Value) -> Self {
        let (store, other) = (open(settings.clone()).await, open(settings.clone()).await);
        Self { store: store.unwrap(), other: other.unwrap(), _holds: Box::new(()) }
    }
}

/// Settings for keys of its own in the Redis that tests share.
pub(super) async fn standalone() -> Value {
    let node = format!("127.0.0.1:{}", redis::shared().await.port);
    let redis = json!({"nodes": [node], "password": PASSWORD, "prefix": prefix()});
    json!({"kind": "redis", "redis": patient(redis)})
}

/// Settings for keys of its own in a cluster, whose replicas are waited for. On one connection a call that was
/// dropped stays ahead of those that follow.
fn in_cluster(cluster: &RedisCluster) -> Value {
    let nodes = &cluster.places()[..2];
    let redis = json!({"topology": "cluster", "nodes": nodes, "password": PASSWORD,
        "prefix": prefix(), "connections": 1, "wait_replicas": 1, "wait_timeout": "30s"});
    json!({"kind": "redis", "redis": patient(redis)})
}

/// Settings for keys of its own in the master that these sentinels name.
fn watched(group: &Watched) -> Value {
    let redis = json!({"topology": "sentinel", "nodes": group.places(), "master_name": MASTER,
        "sentinel_password": SENTINEL_PASSWORD, "password": PASSWORD, "prefix": prefix()});
    json!({"kind": "redis", "redis": patient(redis)})
}

/// The same table with times that a busy machine keeps: with the default of a second, a test that is
/// not about times would be told, as it should, that Redis does not answer.
fn patient(mut redis: Value) -> Value {
    for (key, time) in [("connect_timeout", "20s"), ("timeout", "20s"), ("deadline", "60s")] {
        redis[key] = time.into();
    }
    redis
}

/// Keys that nobody else has.
fn prefix() -> String {
    static LAST: AtomicU32 = AtomicU32::new(0);
    format!("test{}:", LAST.fetch_add(1, Ordering::Relaxed))
}
