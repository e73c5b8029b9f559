//! The network between nodes and their store, of which the store notices nothing. One node is cut off and
//! the other is not: clients of nginx notice nothing, and whoever asks that node alone is told 503
//! in bounded time. Or both are: everybody is told 503 in bounded time. It recovers by itself.

use std::time::{Duration, Instant};

use super::Fleet;
use super::load::Load;
use super::node::REQUEST_TIMEOUT;
use super::stores::Shared;
use crate::e2e::server::Ags;
use crate::real::proxy::{Network, Proxy};
use crate::real::redis_cluster::{NODES, RedisCluster};
use crate::real::redis_sentinel::Watched;
use crate::real::{eventually, postgres, redis};

/// A node's deadline, and a busy machine.
const BOUND: Duration = REQUEST_TIMEOUT.saturating_add(Duration::from_secs(3));
/// Calls that are carried out during each partition, and after it.
const MEANWHILE: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_off_from_redis_is_not_noticed() {
    let proxy = Proxy::to(redis::shared().await.port).await;
    let direct = Shared::redis("partition").await;
    let through = Shared::on_redis(proxy.port, "partition");
    one_node_is_cut_off(&[proxy], &through, &direct).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_off_from_sentinels_and_servers_is_not_noticed() {
    let redis = watched().await;
    let (proxies, sentinels) = redis.behind_proxies().await;
    let [through, direct] =
        [sentinels, redis.places()].map(|places| Shared::by_sentinels(&places, "partition"));
    one_node_is_cut_off(&proxies, &through, &direct).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_off_from_postgres_is_not_noticed() {
    let server = postgres::shared().await;
    let proxy = Proxy::to(server.port).await;
    let database = server.database().await;
    let [through, direct] =
        [proxy.port, server.port].map(|port| Shared::in_database(port, &database));
    one_node_is_cut_off(&[proxy], &through, &direct).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_cut_off_from_sentinels_and_servers_are_503_and_recover() {
    let redis = watched().await;
    let (proxies, sentinels) = redis.behind_proxies().await;
    every_node_is_cut_off(&proxies, &Shared::by_sentinels(&sentinels, "cut-off")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_cut_off_from_a_whole_cluster_are_503_and_recover() {
    let mut proxies = Vec::new();
    for _ in 0..NODES {
        proxies.push(Proxy::to(0).await);
    }
    // What its nodes say to each other of masters that are lost does not go through the proxies.
    let _redis = RedisCluster::start_behind(&proxies).await;
    let places: Vec<_> = proxies.iter().map(|proxy| format!("127.0.0.1:{}", proxy.port)).collect();
    every_node_is_cut_off(&proxies, &Shared::in_cluster(&places, "cut-off")).await;
}

/// Redis whose sentinels elect nobody because a machine is busy.
async fn watched() -> Watched {
    let redis = Watched::start().await;
    redis.elect_after(60_000).await;
    redis
}

async fn one_node_is_cut_off(proxies: &[Proxy], through: &Shared, direct: &Shared) {
    let fleet = Fleet::on(&[&through.table, &direct.table]).await;
    let [cut_off, other] = &fleet.nodes[..] else { panic!("two nodes") };
    let client = cut_off.client("alone");
    let ticket = client.ticket().await.unwrap();
    let mut token = client.sign_on(&ticket, None).await.unwrap().text("refresh_token");
    let load = Load::start(&fleet, 8, 0).await;
    for fault in [Network::Silent, Network::Broken, Network::Silent] {
        all_become(proxies, fault);
        cut_off.is_ready(false).await;
        is_told_503(&client, &token).await;
        load.goes_on(MEANWHILE).await;
        other.is_ready(true).await;
        is_told_503(&client, &token).await;
        all_become(proxies, Network::Good);
        cut_off.is_ready(true).await;
        // It was told 503 and asks the same again.
        let refreshed = eventually("it is served again", async || {
            let answer = client.refresh(&token).await.unwrap();
            (answer.status != 503).then_some(answer)
        })
        .await;
        assert_eq!(refreshed.status, 200, "{refreshed:?}");
        token = refreshed.text("refresh_token");
        load.goes_on(MEANWHILE).await;
    }
    let what = format!("partition of one of two nodes from {}", direct.name);
    assert_eq!(load.end(&fleet, &what).await, 0, "nobody behind nginx is told 503");
}

async fn every_node_is_cut_off(proxies: &[Proxy], store: &Shared) {
    let fleet = Fleet::start(2, &store.table).await;
    let load = Load::start(&fleet, 8, 4).await;
    for fault in [Network::Silent, Network::Broken] {
        all_become(proxies, fault);
        fleet.is_ready(false).await;
        load.is_refused().await;
        all_become(proxies, Network::Good);
        fleet.is_ready(true).await;
        load.goes_on(MEANWHILE).await;
    }
    load.end(&fleet, &format!("partition of both nodes from {}", store.name)).await;
}

fn all_become(proxies: &[Proxy], network: Network) {
    proxies.iter().for_each(|proxy| proxy.becomes(network));
}

async fn is_told_503(client: &Ags, token: &str) {
    let begun = Instant::now();
    let answer = client.refresh(token).await.unwrap();
    assert!(answer.status == 503 && answer.has_retry_after, "{answer:?}");
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
}
