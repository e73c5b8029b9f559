//! Redis over TLS: one server, a cluster whose nodes send on to each other, and the master that sentinels
//! name, before and after they name another one.

use super::super::{in_cluster, watched};
use super::*;
use crate::real::certificates::Certificates;
use crate::real::redis_cluster::RedisCluster;
use crate::real::redis_sentinel::{MASTER, Watched};

/// Settings with this table `tls`.
fn with(mut settings: Value, tls: Value) -> Value {
    settings["redis"]["tls"] = tls;
    settings
}

/// Whether somebody with these settings is let in, and knows whom it speaks to.
async fn is_served(settings: Value) -> bool {
    match open(settings).await {
        Ok(store) => store.check().await.is_ok(),
        Err(_) => false,
    }
}

#[tokio::test]
async fn the_configured_authority_only_is_believed() {
    let certificates = Certificates::new();
    let redis = Redis::start_encrypted(&certificates, "no", &["--save", ""]).await;
    let plain = settings(redis.port, json!({"nodes": [redis.place()]}));
    let store = open(with(plain.clone(), certificates.trusting())).await.unwrap();
    assert!(store.begin(sign_on(1, "a"), at(0)).await.is_ok());
    assert!(is_served(with(plain.clone(), certificates.trusting())).await);
    assert!(!is_served(with(plain.clone(), Certificates::new().trusting())).await);
    let mut by_address = with(plain.clone(), certificates.trusting());
    by_address["redis"]["nodes"] = json!([format!("127.0.0.1:{}", redis.known_port())]);
    assert!(!is_served(by_address).await, "the certificate is for the name only");
    assert!(!is_served(plain).await, "not in the clear");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_of_a_cluster_is_spoken_to_over_tls() {
    let certificates = Certificates::new();
    let cluster = RedisCluster::start_encrypted(&certificates).await;
    let plain = in_cluster(&cluster);
    let store = open(with(plain.clone(), certificates.known())).await.unwrap();
    for n in 0..20 {
        let who = format!("account-{n}");
        let mut new = sign_on(n, "a");
        new.facts = facts(&who);
        if let DeviceRequest::Register { device, .. } = &mut new.device {
            device.account = account(&who);
        }
        let session = store.begin(new, at(0)).await.unwrap().session;
        store.refresh(&token(&session, 1), next(0), at(0)).await.unwrap();
    }
    assert_eq!(store.page(None, 100, at(0)).await.unwrap().sessions.len(), 20);
    let mut have = Vec::new();
    for node in &cluster.nodes {
        let role: Vec<::redis::Value> =
            ::redis::from_redis_value(node.ask(&["ROLE"]).await.unwrap()).unwrap();
        if role[0] == ::redis::Value::BulkString(b"master".to_vec()) {
            have.push(number_of(node, &["DBSIZE"]).await);
        }
    }
    assert!(have.len() == 3 && have.iter().all(|keys| *keys > 0), "{have:?}");

    assert!(is_served(with(plain.clone(), certificates.known())).await);
    assert!(!is_served(with(plain.clone(), certificates.trusting())).await, "asks who we are");
    assert!(!is_served(with(plain.clone(), Certificates::new().known())).await);
    assert!(!is_served(plain).await, "not in the clear");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_successor_that_sentinels_name_is_spoken_to_over_tls() {
    let certificates = Certificates::new();
    let group = Watched::start_encrypted(&certificates).await;
    let mut plain = watched(&group);
    // Or what was acknowledged could be lost with the old one.
    plain["redis"]["wait_replicas"] = 2.into();
    plain["redis"]["wait_timeout"] = "30s".into();
    let store = open(with(plain.clone(), certificates.known())).await.unwrap();
    let session = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let master = group.master().await;
    group.sentinels[0].ask(&["SENTINEL", "FAILOVER", MASTER]).await.unwrap();
    group.deposed(master).await;
    group.settled(2).await;
    // The connection to the old one breaks, or says that it is a replica by now.
    crate::real::eventually("it follows", async || {
        store.refresh(&token(&session, 1), next(0), at(0)).await.ok()
    })
    .await;

    assert!(is_served(with(plain.clone(), certificates.known())).await);
    assert!(!is_served(with(plain.clone(), certificates.trusting())).await, "asks who we are");
    assert!(!is_served(with(plain.clone(), Certificates::new().known())).await);
    assert!(!is_served(plain).await, "not in the clear");
}
