//! Clients of the load balancer that go on and on while something happens to the nodes or to
//! their store: some refresh one session each, others sign on and out. A client may be told 503,
//! and then asks the same again; any other surprise fails the test, but for answers that were lost with
//! the node that was to give them. What was acknowledged is in the [`Ledger`] that they leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;

use super::Fleet;
use super::client::Client;
use super::ledger::Ledger;
use super::node::REQUEST_TIMEOUT;
use crate::real::{eventually, figures};

/// What a busy machine adds to what a call may take.
const BUSY: Duration = Duration::from_secs(5);

/// Clients at work.
pub(super) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<Ledger>>,
    /// nginx may ask each node in turn.
    bound: Duration,
}

/// What they saw.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) ended: AtomicBool,
    /// Clients that have signed on once.
    pub(super) at_work: AtomicUsize,
    pub(super) good: AtomicUsize,
    pub(super) refused: AtomicUsize,
    pub(super) lost: AtomicUsize,
    pub(super) times: Mutex<Vec<Duration>>,
    pub(super) outage: Mutex<Duration>,
}

impl Load {
    /// Clients that refresh a session each, and such that sign on and out; waits until all are at
    /// work.
    pub(super) async fn start(fleet: &Fleet, refreshing: usize, coming: usize) -> Self {
        Self::begin(fleet, refreshing, coming, false).await
    }

    /// The same, while nodes are killed: a sign-on or sign-out that was sent to one is not sent again
    /// to another, and whether it was carried out nobody can say.
    pub(super) async fn while_nodes_die(fleet: &Fleet, refreshing: usize, coming: usize) -> Self {
        Self::begin(fleet, refreshing, coming, true).await
    }

    async fn begin(fleet: &Fleet, refreshing: usize, coming: usize, nodes_die: bool) -> Self {
        let shared = Arc::new(Shared::default());
        let client = |account: &str| Client {
            ags: fleet.client(account),
            shared: Arc::clone(&shared),
            nodes_die,
            refused_since: Mutex::default(),
        };
        let mut clients = Vec::new();
        for n in 0..refreshing {
            let account = format!("refreshing-{n}");
            clients.push(tokio::spawn(client(&account).refreshes()));
        }
        for n in 0..coming {
            clients.push(tokio::spawn(client("").comes_and_goes(n)));
        }
        let bound = REQUEST_TIMEOUT * u32::try_from(fleet.nodes.len()).unwrap() + BUSY;
        let load = Self { clients, shared, bound };
        load.reaches(&load.shared.at_work, refreshing + coming, "all sign on").await;
        load.goes_on((refreshing + coming) * 4).await;
        load
    }

    /// Waits until so many more calls have been carried out.
    pub(super) async fn goes_on(&self, calls: usize) {
        self.increases(&self.shared.good, calls, "the load goes on").await;
    }

    /// Waits until calls are refused.
    pub(super) async fn is_refused(&self) {
        self.increases(&self.shared.refused, 10, "calls are refused").await;
    }

    async fn increases(&self, counter: &AtomicUsize, by: usize, what: &str) {
        let wanted = counter.load(Ordering::Relaxed) + by;
        self.reaches(counter, wanted, what).await;
    }

    async fn reaches(&self, counter: &AtomicUsize, wanted: usize, what: &str) {
        eventually(what, async || {
            let gave_up = self.clients.iter().filter(|client| client.is_finished()).count();
            assert_eq!(gave_up, 0, "clients gave up");
            (counter.load(Ordering::Relaxed) >= wanted).then_some(())
        })
        .await;
    }

    /// Ends it, checks at every node that all is there that was acknowledged and nothing that was
    /// ended, and prints the figures. Answers how many calls were refused.
    pub(super) async fn end(self, fleet: &Fleet, what: &str) -> usize {
        self.shared.ended.store(true, Ordering::Relaxed);
        let mut ledger = Ledger::default();
        for client in self.clients {
            ledger.add(client.await.unwrap());
        }
        let mut times = std::mem::take(&mut *self.shared.times.lock());
        times.sort();
        let at = |share: usize| times[(times.len() - 1) * share / 1000];
        let refused = self.shared.refused.load(Ordering::Relaxed);
        figures(&format!(
            "{what}: {} calls, {refused} of them 503, {} lost; p50 {:?}, p99 {:?}, longest {:?}; \
             longest outage for a client {:?}; {} sessions and {} sign-outs that were acknowledged",
            times.len(),
            self.shared.lost.load(Ordering::Relaxed),
            at(500),
            at(990),
            at(1000),
            *self.shared.outage.lock(),
            ledger.live.len(),
            ledger.ended.len(),
        ));
        assert!(at(1000) < self.bound, "{:?}", at(1000));
        ledger.holds(fleet).await;
        refused
    }
}
