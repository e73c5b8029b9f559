//! Clients of the load balancer that sign on once and then refresh without a pause, while
//! something happens to the nodes. No call may fail, and nobody may be told to sign on again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinHandle;

use super::Fleet;
use crate::e2e::server::{Ags, Answer};
use crate::real::eventually;

/// Clients at work.
pub(super) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<Ended>>,
}

#[derive(Default)]
struct Shared {
    ended: AtomicBool,
    calls: AtomicUsize,
}

/// What a client has at the end.
struct Ended {
    client: Ags,
    refresh_token: String,
    times: Vec<Duration>,
}

impl Load {
    /// Starts `count` clients, an account each, and waits until all have refreshed.
    pub(super) async fn start(fleet: &Fleet, count: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let clients = (0..count).map(|n| {
            let account = format!("account-{n}");
            let node = fleet.nodes[n % fleet.nodes.len()].client(&account);
            tokio::spawn(refreshing(node, fleet.client(&account), Arc::clone(&shared)))
        });
        let load = Self { clients: clients.collect(), shared };
        load.goes_on(count * 4).await;
        load
    }

    /// Waits until so many more calls have been answered.
    pub(super) async fn goes_on(&self, calls: usize) {
        let wanted = self.shared.calls.load(Ordering::Relaxed) + calls;
        eventually("the load goes on", async || {
            let gave_up = self.clients.iter().filter(|client| client.is_finished()).count();
            assert_eq!(gave_up, 0, "clients gave up");
            (self.shared.calls.load(Ordering::Relaxed) >= wanted).then_some(())
        })
        .await;
    }

    /// Ends it, prints its figures, and checks that every session that was acknowledged is there.
    pub(super) async fn end(self, what: &str) {
        self.shared.ended.store(true, Ordering::Relaxed);
        let mut times = Vec::new();
        for client in self.clients {
            let ended = client.await.unwrap();
            let answer = ended.client.refresh(&ended.refresh_token).await.unwrap();
            assert_eq!(answer.status, 200, "{answer:?}");
            times.extend(ended.times);
        }
        times.sort();
        let at = |share: usize| times[(times.len() - 1) * share / 1000];
        let count = times.len();
        println!(
            "{what}: {count} refreshes, 0 failed, p50 {:?}, p99 {:?}, worst {:?}",
            at(500),
            at(990),
            at(1000)
        );
    }
}

/// Signs on at one node, because a ticket is good once and nginx may send a call twice; refreshes
/// through nginx.
async fn refreshing(node: Ags, client: Ags, shared: Arc<Shared>) -> Ended {
    let ticket = node.ticket().await.unwrap();
    let signed_on = node.sign_on(&ticket, None).await.unwrap();
    assert_eq!(signed_on.status, 201, "{signed_on:?}");
    let mut refresh_token = signed_on.text("refresh_token");
    let mut times = Vec::new();
    while !shared.ended.load(Ordering::Relaxed) {
        let started = Instant::now();
        let answer = client.refresh(&refresh_token).await;
        let answer = answer.unwrap_or(Answer { status: 0, body: Value::Null });
        assert_eq!(answer.status, 200, "{answer:?}");
        times.push(started.elapsed());
        refresh_token = answer.text("refresh_token");
        shared.calls.fetch_add(1, Ordering::Relaxed);
    }
    Ended { client, refresh_token, times }
}
