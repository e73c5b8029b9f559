//! What is done while commits are not answered: because a synchronous standby is away, a disk or
//! the network. A refresh that is sent then takes effect when they are answered again, maybe much
//! later, and its client has a token that is superseded by a pair that nobody was told of. So
//! after a call that got no answer in time, nothing is changed before a probe has been committed,
//! which changes nothing. Who comes meanwhile waits for the first probe, and for the next ones a
//! moment only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::sync::watch;

use super::call::{LINGER, Shared};
use super::error::{self, Error};
use crate::session::StoreError;
use crate::support::HOPE;

/// Whether commits are answered.
#[derive(Debug, Default)]
pub(super) struct Stall {
    state: watch::Sender<State>,
    is_probing: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    is_stalled: bool,
    /// How many probes have failed.
    failures: u64,
    /// Why the last one did, since it began.
    failed: Option<StoreError>,
}

impl Stall {
    /// A call has got no answer in time.
    pub(super) fn begins(&self) {
        self.state.send_modify(|state| state.is_stalled = true);
    }
}

impl Shared {
    /// Waits until commits are answered, as far as is known.
    ///
    /// # Errors
    /// A probe has failed, or got no answer until the deadline.
    pub(super) async fn commits(self: &Arc<Self>, deadline: Instant) -> Result<(), StoreError> {
        let mut state = self.stall.state.subscribe();
        let (before, failed) = {
            let state = state.borrow_and_update();
            if !state.is_stalled {
                return Ok(());
            }
            (state.failures, state.failed.clone())
        };
        if !self.stall.is_probing.swap(true, Ordering::SeqCst) {
            let shared = Arc::clone(self);
            tokio::spawn(async move {
                let probed = shared.probe(Instant::now() + LINGER).await;
                shared.stall.is_probing.store(false, Ordering::SeqCst);
                shared.stall.state.send_modify(|state| match probed {
                    Ok(()) => (state.is_stalled, state.failed) = (false, None),
                    Err(error) => {
                        state.failures = state.failures.wrapping_add(1);
                        state.failed = Some(error);
                    }
                });
            });
        }
        let probed = state.wait_for(|state| !state.is_stalled || state.failures != before);
        let until = if failed.is_some() { deadline.min(Instant::now() + HOPE) } else { deadline };
        match tokio::time::timeout_at(until.into(), probed).await {
            Ok(Ok(state)) if !state.is_stalled => Ok(()),
            Ok(Ok(state)) => Err(state.failed.clone().unwrap_or_else(error::late)),
            _ => Err(failed.unwrap_or_else(error::late)),
        }
    }

    /// Commits something that is nothing, as durably as everything else.
    async fn probe(&self, deadline: Instant) -> Result<(), StoreError> {
        let place = self.pool.place(deadline).await.map_err(|f| error::unavailable(&f))?;
        let told = loop {
            let held = self.pool.connection(&self.sql, deadline).await?;
            let asked = held.connection.client.query_typed(&self.sql.probe, &[]);
            let told = match tokio::time::timeout_at(deadline.into(), asked).await {
                Ok(Ok(_)) => Ok(()),
                // It has answered, and that is all there is to know.
                Ok(Err(error)) if error::is_unsupported(&error) => Ok(()),
                Ok(Err(error)) => Err(Error::from(error).told()),
                Err(_) => Err(error::late()),
            };
            let was_idle = held.is_reused;
            match &told {
                Ok(()) => self.pool.give_back(held),
                Err(_) => self.pool.forget(),
            }
            // A connection that was idle may be what has failed.
            if told.is_ok() || !was_idle || Instant::now() >= deadline {
                break told;
            }
        };
        drop(place);
        told
    }
}
