//! The network between the gateways and their Redis goes silent, breaks and slows down, and Redis
//! itself stops: answers stay bounded in time and say 503, readiness says so, and all
//! is well again by itself.

use std::time::{Duration, Instant};

use super::proxy::{Network, Proxy};
use super::redis::{PASSWORD, Redis};
use super::redis_cluster::{NODES, RedisCluster};
use super::redis_load::{Load, Nodes, Seen, all_refresh, nodes};
use super::{eventually, figures};

const CLIENTS: usize = 8;
/// What an answer may take when Redis takes its deadline: that, and a busy machine.
const BOUND: Duration = Duration::from_secs(5);

/// Gateways that have Redis at this port, and little patience.
async fn hasty(port: u16) -> Nodes {
    nodes(&format!(
        "store.kind = \"redis\"\nstore.redis = {{ nodes = [\"127.0.0.1:{port}\"], password = {PASSWORD:?},
            connect_timeout = \"200ms\", timeout = \"300ms\", deadline = \"500ms\" }}"
    ))
    .await
}

async fn is_not_ready(nodes: &Nodes) {
    eventually("readiness says so", async || nodes[0].app.store().check().await.err()).await;
}

async fn is_ready(nodes: &Nodes) {
    eventually("all is well again", async || nodes[0].app.store().check().await.ok()).await;
}

fn show(what: &str, seen: &Seen) {
    figures(&format!(
        "{what}: {} answers good, {} refused, {} sessions kept, longest {:?}",
        seen.good,
        seen.refused,
        seen.pairs.len(),
        seen.longest
    ));
    assert!(seen.longest < BOUND, "{:?}", seen.longest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_network_is_503_in_bounded_time_and_heals() {
    let redis = Redis::start().await;
    let proxy = Proxy::to(redis.port).await;
    let nodes = hasty(proxy.port).await;
    let load = Load::start(&nodes, CLIENTS).await;
    for _ in 0..2 {
        proxy.becomes(Network::Silent);
        load.is_refused().await;
        is_not_ready(&nodes).await;
        proxy.becomes(Network::Good);
        load.goes_on(100).await;
        is_ready(&nodes).await;
    }
    let seen = load.end().await;
    all_refresh(&nodes, &seen).await;
    show("silent network", &seen);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_connections_are_503_and_heal() {
    let redis = Redis::start().await;
    let proxy = Proxy::to(redis.port).await;
    let nodes = hasty(proxy.port).await;
    let load = Load::start(&nodes, CLIENTS).await;
    for _ in 0..2 {
        proxy.becomes(Network::Broken);
        load.is_refused().await;
        is_not_ready(&nodes).await;
        proxy.becomes(Network::Good);
        load.goes_on(100).await;
        is_ready(&nodes).await;
    }
    let seen = load.end().await;
    all_refresh(&nodes, &seen).await;
    show("broken network", &seen);
}

#[tokio::test]
async fn connections_that_were_cut_while_idle_are_nobodys_503() {
    let redis = Redis::start().await;
    let nodes = hasty(redis.port).await;
    let mut pair = nodes[0].signed_on("1663").await;
    for turn in 0..6 {
        redis.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await.unwrap();
        pair = nodes[turn % 2].refreshed(&pair).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_network_is_waited_for() {
    let redis = Redis::start().await;
    let proxy = Proxy::to(redis.port).await;
    let nodes = hasty(proxy.port).await;
    proxy.becomes(Network::Slow(Duration::from_millis(20)));
    let load = Load::start(&nodes, CLIENTS).await;
    let seen = load.end().await;
    assert_eq!(seen.refused, 0);
    all_refresh(&nodes, &seen).await;
    show("slow network", &seen);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_is_503_in_bounded_time() {
    let redis = Redis::start().await;
    let nodes = hasty(redis.port).await;
    let load = Load::start(&nodes, CLIENTS).await;
    redis.server.signal("STOP");
    load.is_refused().await;
    is_not_ready(&nodes).await;
    redis.server.signal("CONT");
    load.goes_on(100).await;
    let seen = load.end().await;
    all_refresh(&nodes, &seen).await;
    show("hanging redis", &seen);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_node_that_went_silent_is_only_its_own_accounts_503() {
    let mut proxies = Vec::new();
    for _ in 0..NODES {
        proxies.push(Proxy::to(0).await);
    }
    let redis = RedisCluster::start_behind(&proxies).await;
    let nodes = nodes(&format!(
        "store.kind = \"redis\"\nstore.redis = {{ topology = \"cluster\", nodes = {:?}, password = {PASSWORD:?},
            connect_timeout = \"200ms\", timeout = \"300ms\", deadline = \"500ms\" }}",
        proxies.iter().map(|proxy| format!("127.0.0.1:{}", proxy.port)).collect::<Vec<_>>()
    ))
    .await;
    let load = Load::start(&nodes, CLIENTS).await;
    let master = redis.master().await;
    proxies[master].becomes(Network::Silent);
    load.is_refused().await;
    let begun = Instant::now();
    load.goes_on(50).await;
    // Most masters answer: this is no reason to take every gateway out.
    is_ready(&nodes).await;
    assert!(begun.elapsed() < 2 * BOUND);
    proxies[master].becomes(Network::Good);
    load.goes_on(200).await;
    let seen = load.end().await;
    all_refresh(&nodes, &seen).await;
    show("silent cluster node", &seen);
}
