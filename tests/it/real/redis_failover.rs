//! The master of a real Redis is killed under load, watched by sentinels and in a cluster:
//! clients are told 503 while another one is elected, never 401; nothing that was acknowledged
//! is lost where `wait_replicas` says so; nobody starts Cambio again.

use super::redis::PASSWORD;
use super::redis_cluster::RedisCluster;
use super::redis_load::{Load, all_refresh, nodes};
use super::redis_sentinel::{MASTER, SENTINEL_PASSWORD, Watched};

const CLIENTS: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_elect_another_master_and_nothing_acknowledged_is_lost() {
    let mut redis = Watched::start().await;
    let nodes = nodes(&format!(
        "store.kind = \"redis\"\nstore.redis = {{ topology = \"sentinel\", nodes = {:?}, password = {PASSWORD:?},
            master_name = {MASTER:?}, sentinel_password = {SENTINEL_PASSWORD:?}, wait_replicas = 1 }}",
        redis.places()
    ))
    .await;
    let load = Load::start(&nodes, CLIENTS).await;
    let master = redis.master().await;
    redis.servers[master].server.kill();
    load.is_refused().await;
    redis.deposed(master).await;
    load.goes_on(200).await;
    // It comes back as a replica of its successor.
    redis.servers[master].start_again().await;
    redis.settled(2).await;
    load.goes_on(200).await;
    let seen = load.end().await;
    all_refresh(&nodes, &seen).await;
    eprintln!(
        "sentinel failover: {} answers good, {} refused, {} sessions kept, longest {:?}",
        seen.good,
        seen.refused,
        seen.pairs.len(),
        seen.longest
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_elects_another_master_and_nothing_acknowledged_is_lost() {
    let mut redis = RedisCluster::start().await;
    let nodes = nodes(&format!(
        "store.kind = \"redis\"\nstore.redis = {{ topology = \"cluster\", nodes = {:?}, password = {PASSWORD:?},
            wait_replicas = 1 }}",
        &redis.places()[..3]
    ))
    .await;
    let load = Load::start(&nodes, CLIENTS).await;
    let master = redis.master().await;
    redis.nodes[master].server.kill();
    load.is_refused().await;
    // Who has another master is served all the time.
    load.goes_on(200).await;
    redis.serves_without(master).await;
    redis.nodes[master].start_again().await;
    redis.whole().await;
    load.goes_on(200).await;
    let seen = load.end().await;
    all_refresh(&nodes, &seen).await;
    eprintln!(
        "cluster failover: {} answers good, {} refused, {} sessions kept, longest {:?}",
        seen.good,
        seen.refused,
        seen.pairs.len(),
        seen.longest
    );
}

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
    eprintln!("sentinel change of masters: {} good, {} refused", seen.good, seen.refused);
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
    eprintln!("slots moved: {} good, {} refused", seen.good, seen.refused);
}
