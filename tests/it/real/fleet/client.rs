//! One client of a [`Load`](super::load::Load): what it does until it is told to end, and what it puts up
//! with meanwhile. It leaves what was acknowledged.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use parking_lot::Mutex;

use super::ledger::Ledger;
use super::load::Shared;
use super::node::operator_token;
use crate::e2e::server::{Ags, Answer};
use crate::real::persistently;

/// The client.
pub(super) struct Client {
    pub(super) ags: Ags,
    pub(super) shared: Arc<Shared>,
    /// Whether nodes die with what they are about to answer.
    pub(super) nodes_die: bool,
    /// Since when it is told 503.
    pub(super) refused_since: Mutex<Option<Instant>>,
}

impl Client {
    /// Signs on, and refreshes again and again.
    pub(super) async fn refreshes(self) -> Ledger {
        let pair = persistently("it signs on", || self.signs_on(&self.ags)).await;
        let mut token = pair.text("refresh_token");
        self.shared.at_work.fetch_add(1, Ordering::Relaxed);
        while self.goes_on() {
            let refreshed =
                persistently("it is refreshed", || self.ask(&[200], self.ags.refresh(&token)));
            token = refreshed.await.text("refresh_token");
        }
        Ledger { live: vec![token], ended: Vec::new() }
    }

    /// Signs on again and again, and every second time out again.
    pub(super) async fn comes_and_goes(self, number: usize) -> Ledger {
        let mut ledger = Ledger::default();
        for turn in 0.. {
            if !self.goes_on() {
                break;
            }
            let ags = self.ags.with(operator_token(&format!("coming-{number}-{turn}")));
            let pair = persistently("it signs on", || self.signs_on(&ags)).await;
            if turn == 0 {
                self.shared.at_work.fetch_add(1, Ordering::Relaxed);
            }
            let token = pair.text("refresh_token");
            if turn % 2 == 0 {
                ledger.live.push(token);
                continue;
            }
            // What was answered 503, or not at all, may have happened; the session has ended then, and
            // says so.
            let access = pair.text("access_token");
            let mut allowed = &[200][..];
            persistently("it signs out", || {
                let now = std::mem::replace(&mut allowed, &[200, 401]);
                self.ask_once(now, ags.sign_out(&access))
            })
            .await;
            ledger.ended.push(token);
        }
        ledger
    }

    /// A ticket may be used up by a sign-on that is answered 503, or not at all: the next try has a
    /// new one.
    async fn signs_on(&self, ags: &Ags) -> Option<Answer> {
        let ticket = self.ask_once(&[200], ags.session_token()).await?;
        self.ask_once(&[201], ags.sign_on(&ticket.text("sessionToken"), None)).await
    }

    /// [`Client::ask`] for what nginx sends to one node only: it may die before it answers.
    async fn ask_once(
        &self,
        allowed: &[u16],
        call: impl Future<Output = Option<Answer>>,
    ) -> Option<Answer> {
        let lost: &[u16] = if self.nodes_die { &[502, 504] } else { &[] };
        let answer = self.ask(&[allowed, lost].concat(), call).await?;
        if lost.contains(&answer.status) {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(answer)
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
