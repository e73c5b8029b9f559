//! Clients of the load balancer that go on and on while something happens to the nodes or to
//! their store: some refresh one session each, others sign on and out. A client may be told 503,
//! and then asks the same again; any other surprise fails the test. What was acknowledged
//! is in the [`Ledger`] that they leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::JoinHandle;

use super::Fleet;
use super::ledger::Ledger;
use super::node::{REQUEST_TIMEOUT, operator_token};
use crate::e2e::server::{Ags, Answer};
use crate::real::{eventually, persistently};

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
struct Shared {
    ended: AtomicBool,
    good: AtomicUsize,
    refused: AtomicUsize,
    times: Mutex<Vec<Duration>>,
    outage: Mutex<Duration>,
}

/// One of them.
struct Client {
    ags: Ags,
    shared: Arc<Shared>,
    /// Since when it is told 503.
    refused_since: Mutex<Option<Instant>>,
}

impl Load {
    /// Clients that refresh a session each, and such that sign on and out; waits until all are at
    /// work. The sessions that are refreshed begin while all is well.
    pub(super) async fn start(fleet: &Fleet, refreshing: usize, coming: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let client = |account: &str| Client {
            ags: fleet.client(account),
            shared: Arc::clone(&shared),
            refused_since: Mutex::default(),
        };
        let mut clients = Vec::new();
        for n in 0..refreshing {
            let account = format!("refreshing-{n}");
            let node = fleet.nodes[n % fleet.nodes.len()].client(&account);
            clients.push(tokio::spawn(client(&account).refreshes(node)));
        }
        for n in 0..coming {
            clients.push(tokio::spawn(client("").comes_and_goes(n)));
        }
        let bound = REQUEST_TIMEOUT * u32::try_from(fleet.nodes.len()).unwrap() + BUSY;
        let load = Self { clients, shared, bound };
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
        println!(
            "{what}: {} calls, {refused} of them 503; p50 {:?}, p99 {:?}, longest {:?}; longest \
             outage for a client {:?}; {} sessions and {} sign-outs that were acknowledged",
            times.len(),
            at(500),
            at(990),
            at(1000),
            *self.shared.outage.lock(),
            ledger.live.len(),
            ledger.ended.len(),
        );
        assert!(at(1000) < self.bound, "{:?}", at(1000));
        ledger.holds(fleet).await;
        refused
    }
}

impl Client {
    /// Signs on at one node, because that one serves whatever becomes of the others, and refreshes
    /// through nginx.
    async fn refreshes(self, node: Ags) -> Ledger {
        let ticket = node.ticket().await.unwrap();
        let signed_on = node.sign_on(&ticket, None).await.unwrap();
        assert_eq!(signed_on.status, 201, "{signed_on:?}");
        let mut token = signed_on.text("refresh_token");
        while self.goes_on() {
            let refreshed =
                persistently("it is refreshed", || self.ask(&[200], self.ags.refresh(&token)));
            token = refreshed.await.text("refresh_token");
        }
        Ledger { live: vec![token], ended: Vec::new() }
    }

    /// Signs on again and again, and every second time out again.
    async fn comes_and_goes(self, number: usize) -> Ledger {
        let mut ledger = Ledger::default();
        for turn in 0.. {
            if !self.goes_on() {
                break;
            }
            let ags = self.ags.with(operator_token(&format!("coming-{number}-{turn}")));
            let pair = persistently("it signs on", || self.signs_on(&ags)).await;
            let token = pair.text("refresh_token");
            if turn % 2 == 0 {
                ledger.live.push(token);
                continue;
            }
            // What was answered 503 may have happened; the session has ended then, and says so.
            let access = pair.text("access_token");
            let mut allowed = &[200][..];
            persistently("it signs out", || {
                let now = std::mem::replace(&mut allowed, &[200, 401]);
                self.ask(now, ags.sign_out(&access))
            })
            .await;
            ledger.ended.push(token);
        }
        ledger
    }

    /// A ticket may be used up by a sign-on that is answered 503: the next try has a new one.
    async fn signs_on(&self, ags: &Ags) -> Option<Answer> {
        let ticket = self.ask(&[200], ags.session_token()).await?;
        self.ask(&[201], ags.sign_on(&ticket.text("sessionToken"), None)).await
    }

    /// The answer, which must be one of these, or `None` after a 503.
    async fn ask(
        &self,
        allowed: &[u16],
        call: impl Future<Output = Option<Answer>>,
    ) -> Option<Answer> {
        let begun = Instant::now();
        let answer = call.await.expect("nginx answers");
        let took = begun.elapsed();
        self.shared.times.lock().push(took);
        if answer.status == 503 {
            assert!(answer.has_retry_after, "{answer:?} after {took:?}");
            self.refused_since.lock().get_or_insert(begun);
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        assert!(allowed.contains(&answer.status), "{answer:?} after {took:?}");
        self.shared.good.fetch_add(1, Ordering::Relaxed);
        if let Some(since) = self.refused_since.lock().take() {
            let mut outage = self.shared.outage.lock();
            *outage = since.elapsed().max(*outage);
        }
        Some(answer)
    }

    fn goes_on(&self) -> bool {
        !self.shared.ended.load(Ordering::Relaxed)
    }
}
