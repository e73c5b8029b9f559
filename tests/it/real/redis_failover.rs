//! A Redis that lives on hands over under load: to another master by the sentinels' word, and slots of a
//! cluster to another node. Clients are told 503 at most, never 401; nothing that was acknowledged is lost;
//! nobody starts Cambio again. (`fleet` has masters that are killed.)

use super::figures;
use super::redis::PASSWORD;
use super::redis_cluster::RedisCluster;
use super::redis_load::{Load, all_refresh, nodes};
use super::redis_sentinel::{MASTER, SENTINEL_PASSWORD, Watched};

const CLIENTS: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_sentinels_depose_is_left_for_its_successor() {
    let redis = Watched::start().await;
    let nodes = nodes(&format!(
        "store.kind = \"redis\"\nstore.redis = {{ topology = \"sentinel\", nodes = {:?}, password = {PASSWORD:?},
            master_name = {MASTER:?}, sentinel_password = {SENTINEL_PASSWORD:?}, wait_replicas = 2 }}",
        redis.places()
    ))
    .await;
    let load = Load::start(&nodes, CLIENTS).await;
    let master = redis.master().await;
    // It lives on, and takes writes for a while beside its successor: hence both replicas are
    // waited for, and whoever is still with it is told 503.
    redis.sentinels[0].ask(&["SENTINEL", "FAILOVER", MASTER]).await.unwrap();
    redis.deposed(master).await;
    redis.settled(2).await;
    load.goes_on(200).await;
    let seen = load.end().await;
    all_refresh(&nodes, &seen).await;
    figures(&format!("sentinel change of masters: {} good, {} refused", seen.good, seen.refused));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_move_to_another_node_of_a_cluster_under_load() {
    let redis = RedisCluster::start().await;
    let nodes = nodes(&format!(
        "store.kind = \"redis\"\nstore.redis = {{ topology = \"cluster\", nodes = {:?}, password = {PASSWORD:?} }}",
        redis.places()
    ))
    .await;
    let load = Load::start(&nodes, CLIENTS).await;
    redis.reshard(500).await;
    load.goes_on(200).await;
    let seen = load.end().await;
    all_refresh(&nodes, &seen).await;
    figures(&format!("slots moved: {} good, {} refused", seen.good, seen.refused));
}
