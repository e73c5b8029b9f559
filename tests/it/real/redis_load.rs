//! Clients that refresh and sign on without a pause at two gateways that share a store, while
//! something happens to it: any answer but a success and an honest 503 fails the test.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinHandle;

use super::{eventually, persistently};
use crate::support::{Call, Fixture, OPERATOR_TENANT, operator_token};

/// Two gateways with one configuration.
pub(super) type Nodes = [Arc<Fixture>; 2];

/// Two gateways whose store is this table.
pub(super) async fn nodes(store: &str) -> Nodes {
    [Arc::new(Fixture::with(store).await), Arc::new(Fixture::with(store).await)]
}

/// Clients at work.
pub(super) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<Vec<Value>>>,
}

/// What they count.
#[derive(Default)]
struct Shared {
    ended: AtomicBool,
    good: AtomicUsize,
    refused: AtomicUsize,
    longest: AtomicUsize,
}

/// What they saw.
#[derive(Debug)]
pub(super) struct Seen {
    /// The newest pair of every session that was acknowledged.
    pub(super) pairs: Vec<Value>,
    pub(super) good: usize,
    pub(super) refused: usize,
    /// The longest time that an answer took.
    pub(super) longest: Duration,
}

impl Load {
    /// Starts clients, half of them refreshing and half signing on, and waits until all have
    /// begun.
    pub(super) async fn start(nodes: &Nodes, clients: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let clients = (0..clients)
            .map(|n| {
                let (nodes, shared) = (nodes.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    match n % 2 {
                        0 => vec![shared.refresh(&nodes, n).await],
                        _ => shared.sign_on(&nodes, n).await,
                    }
                })
            })
            .collect();
        let load = Self { shared, clients };
        load.goes_on(100).await;
        load
    }

    /// Waits until so many more calls have succeeded.
    pub(super) async fn goes_on(&self, calls: usize) {
        let before = self.shared.good.load(Ordering::Relaxed);
        eventually("calls succeed", async || {
            self.holds();
            (self.shared.good.load(Ordering::Relaxed) >= before + calls).then_some(())
        })
        .await;
    }

    /// Waits until calls are refused.
    pub(super) async fn is_refused(&self) {
        let before = self.shared.refused.load(Ordering::Relaxed);
        eventually("calls are refused", async || {
            self.holds();
            (self.shared.refused.load(Ordering::Relaxed) > before + 10).then_some(())
        })
        .await;
    }

    /// Ends the clients.
    pub(super) async fn end(self) -> Seen {
        self.shared.ended.store(true, Ordering::Relaxed);
        let mut pairs = Vec::new();
        for client in self.clients {
            pairs.extend(client.await.unwrap());
        }
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        let longest = u64::try_from(count(&self.shared.longest)).unwrap();
        Seen {
            pairs,
            good: count(&self.shared.good),
            refused: count(&self.shared.refused),
            longest: Duration::from_micros(longest),
        }
    }

    /// A client that saw something else has ended.
    fn holds(&self) {
        assert!(!self.clients.iter().any(JoinHandle::is_finished), "a client has given up");
    }
}

impl Shared {
    /// One session, refreshed again and again, at one node and the other.
    async fn refresh(&self, nodes: &Nodes, client: usize) -> Value {
        let account = format!("refreshing{client}");
        let both = [&*nodes[0], &*nodes[1]];
        let mut pair = persistently("it signs on", || self.begin(both, &account)).await;
        let mut turn = 0;
        while !self.ended.load(Ordering::Relaxed) {
            let token = pair["refresh_token"].as_str().unwrap();
            let refreshed = persistently("it is refreshed", || {
                turn += 1;
                self.ask(&nodes[turn % 2], Call::refresh(token), 200)
            });
            pair = refreshed.await;
        }
        pair
    }

    /// New sessions of as many accounts.
    async fn sign_on(&self, nodes: &Nodes, client: usize) -> Vec<Value> {
        let mut pairs = Vec::new();
        let mut turn = 0;
        while !self.ended.load(Ordering::Relaxed) {
            turn += 1;
            let nodes = [&*nodes[turn % 2], &*nodes[(turn + 1) % 2]];
            let account = format!("account{client}-{turn}");
            pairs.push(persistently("it signs on", || self.begin(nodes, &account)).await);
        }
        pairs
    }

    /// A sign-on with a ticket of one node at the other. A ticket is good once, so whoever is told
    /// 503 begins with a new one.
    async fn begin(&self, [one, other]: [&Fixture; 2], account: &str) -> Option<Value> {
        let token = operator_token(OPERATOR_TENANT, account);
        let ticket = self.ask(one, Call::get_session_token(&token), 200).await?;
        let sign_on = Call::sign_on(ticket["sessionToken"].as_str().unwrap());
        self.ask(other, sign_on, 201).await
    }

    /// The answer, or `None` after a 503.
    async fn ask(&self, node: &Fixture, call: Call, status: u16) -> Option<Value> {
        let begun = Instant::now();
        let answer = node.send(call).await;
        let took = usize::try_from(begun.elapsed().as_micros()).unwrap();
        self.longest.fetch_max(took, Ordering::Relaxed);
        if answer.status == 503 {
            answer.problem(503);
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let answer = answer.expect(status);
        self.good.fetch_add(1, Ordering::Relaxed);
        Some(answer)
    }
}

/// Every acknowledged session is there, with its newest pair.
pub(super) async fn all_refresh(nodes: &Nodes, seen: &Seen) {
    for (n, pair) in seen.pairs.iter().enumerate() {
        let refreshed = async || {
            let answer = nodes[n % 2].refreshed(pair).await;
            (answer.status != 503).then_some(answer)
        };
        eventually("it can be found out", refreshed).await.expect(200);
    }
}
