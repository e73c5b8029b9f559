//! One node of a fleet is cut off from the store, and the other is not: clients of nginx notice
//! nothing, whoever asks that node alone is told 503 in bounded time, and it recovers by itself.

use std::time::{Duration, Instant};

use super::Fleet;
use super::load::Load;
use super::node::REQUEST_TIMEOUT;
use super::stores::Shared;
use crate::e2e::server::Ags;
use crate::real::proxy::{Network, Proxy};
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
    one_node_is_cut_off(&proxy, &through, &direct, "partition of one node from Redis").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_off_from_postgres_is_not_noticed() {
    let server = postgres::shared().await;
    let proxy = Proxy::to(server.port).await;
    let database = server.database().await;
    let [through, direct] =
        [proxy.port, server.port].map(|port| Shared::in_database(port, &database));
    one_node_is_cut_off(&proxy, &through, &direct, "partition of one node from PostgreSQL").await;
}

async fn one_node_is_cut_off(proxy: &Proxy, through: &Shared, direct: &Shared, what: &str) {
    let fleet = Fleet::on(&[&through.table, &direct.table]).await;
    let [cut_off, other] = &fleet.nodes[..] else { panic!("two nodes") };
    let client = cut_off.client("alone");
    let ticket = client.ticket().await.unwrap();
    let mut token = client.sign_on(&ticket, None).await.unwrap().text("refresh_token");
    let load = Load::start(&fleet, 8, 0).await;
    for fault in [Network::Silent, Network::Broken, Network::Silent] {
        proxy.becomes(fault);
        cut_off.is_ready(false).await;
        is_told_503(&client, &token).await;
        load.goes_on(MEANWHILE).await;
        other.is_ready(true).await;
        is_told_503(&client, &token).await;
        proxy.becomes(Network::Good);
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
    assert_eq!(load.end(&fleet, what).await, 0, "nobody behind nginx is told 503");
}

async fn is_told_503(client: &Ags, token: &str) {
    let begun = Instant::now();
    let answer = client.refresh(token).await.unwrap();
    assert!(answer.status == 503 && answer.has_retry_after, "{answer:?}");
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
}
