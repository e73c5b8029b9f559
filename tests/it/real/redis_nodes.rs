//! Two gateways on one Redis, and on one Redis Cluster, are one gateway to their clients: what is
//! raced at both is decided once, and what one ends is ended at the other.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Barrier;

use super::redis::{self, PASSWORD};
use super::redis_cluster;
use super::redis_load::{Nodes, nodes};
use crate::support::{Answer, Call};

/// How many race.
pub(super) const CLIENTS: usize = 64;

/// Two gateways on the Redis, and two on the cluster, that tests share; keys of their own.
pub(super) async fn everywhere(test: &str, more: &str) -> [Nodes; 2] {
    let one = format!("127.0.0.1:{}", redis::shared().await.port);
    let many = redis_cluster::shared().await.places();
    let on = |topology: &str, places: &[String]| {
        format!(
            "{more}\nstore.kind = \"redis\"\nstore.redis = {{ topology = \"{topology}\", nodes = {places:?},
                password = {PASSWORD:?}, prefix = \"{test}:\" }}"
        )
    };
    [nodes(&on("standalone", &[one])).await, nodes(&on("cluster", &many)).await]
}

/// Sends all calls at once, half of them to either gateway.
pub(super) async fn race(nodes: &Nodes, call: impl Fn(usize) -> Call) -> Vec<Answer> {
    let start = Arc::new(Barrier::new(CLIENTS));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| {
            let (node, start, call) = (Arc::clone(&nodes[n % 2]), Arc::clone(&start), call(n));
            tokio::spawn(async move {
                start.wait().await;
                node.send(call).await
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(CLIENTS);
    for client in clients {
        answers.push(client.await.unwrap());
    }
    answers
}

pub(super) fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_clients_with_one_session_token_one_signs_on() {
    for nodes in everywhere("tickets", "").await {
        let ticket = nodes[0].ticket("1663").await;
        let answers = race(&nodes, |_| Call::sign_on(&ticket)).await;
        assert_eq!((count(&answers, 201), count(&answers, 401)), (1, CLIENTS - 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_refreshes_of_one_token_get_one_pair() {
    for nodes in everywhere("refreshes", "").await {
        let first = nodes[0].signed_on("1663").await;
        let token = first["refresh_token"].as_str().unwrap();
        let answers = race(&nodes, |_| Call::refresh(token)).await;
        let pairs: Vec<Value> = answers.iter().map(|answer| answer.expect(200)).collect();
        assert!(pairs.iter().all(|pair| *pair == pairs[0]), "one identical pair");
        nodes[1].refreshed(&pairs[0]).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_first_sign_ons_leave_as_many_devices_as_allowed() {
    for nodes in everywhere("devices", "tenants.nagra.ags.max_devices = 3").await {
        let mut tickets = Vec::new();
        for n in 0..CLIENTS {
            tickets.push(nodes[n % 2].ticket("1663").await);
        }
        let answers = race(&nodes, |n| Call::sign_on(&tickets[n])).await;
        assert_eq!((count(&answers, 201), count(&answers, 403)), (3, CLIENTS - 3));
        for refused in answers.iter().filter(|answer| answer.status == 403) {
            refused.forbidden(20007);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_begins_at_one_node_goes_on_and_ends_at_the_other() {
    for nodes in everywhere("stories", "").await {
        let ticket = nodes[0].ticket("1663").await;
        let pair = nodes[1].send(Call::sign_on(&ticket)).await.expect(201);
        let pair = nodes[0].refreshed(&pair).await.expect(200);
        let access = pair["access_token"].as_str().unwrap();
        nodes[1].send(Call::sign_out(access)).await.expect(200);
        nodes[0].refreshed(&pair).await.problem(401);
    }
}
