//! What is done while commits are not answered: because a synchronous standby is away, a disk or
//! the network. A refresh that is sent then takes effect when they are answered again, maybe much
//! later, and its client has a token that is superseded by a pair that nobody was told of. So
//! after a call that got no answer in time, nothing is changed before a probe has been committed,
//! which changes nothing. Who comes meanwhile waits for it, and for a probe that soon follows one in vain a
//! moment only.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::call::{LINGER, Shared};
use super::error::{self, Error};
use crate::session::StoreError;
use crate::support::fault::{HOPE, RECENT};

/// Whether commits are answered.
#[derive(Debug, Default)]
pub(super) struct Stall {
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct State {
    is_stalled: bool,
    is_probing: bool,
    /// How many probes have failed.
    failures: u64,
    /// When the last one did, and why; none since this stall began.
    failed: Option<(Instant, StoreError)>,
    /// Why one had failed a moment before the one that is under way.
    recently: Option<StoreError>,
}

impl Stall {
    /// A call has got no answer in time.
    pub(super) fn begins(&self) {
        self.state.send_modify(|state| {
            if !state.is_stalled {
                (state.is_stalled, state.failed) = (true, None);
            }
        });
    }
}

impl Shared {
    /// Waits until commits are answered, as far as is known.
    ///
    /// # Errors
    /// A probe has failed, or got no answer until the deadline.
    pub(super) async fn commits(self: &Arc<Self>, deadline: Instant) -> Result<(), StoreError> {
        if !self.stall.state.borrow().is_stalled {
            return Ok(());
        }
        let mut state = self.stall.state.subscribe();
        let (mut begins, mut before, mut recently) = (false, 0, None);
        self.stall.state.send_if_modified(|state| {
            begins = state.is_stalled && !state.is_probing;
            if begins {
                state.is_probing = true;
                let failed = state.failed.as_ref().filter(|(at, _)| at.elapsed() < RECENT);
                state.recently = failed.map(|(_, error)| error.clone());
            }
            (before, recently) = (state.failures, state.recently.clone());
            false
        });
        if begins {
            let shared = Arc::clone(self);
            tokio::spawn(async move {
                let probed = shared.probe(Instant::now() + LINGER).await;
                shared.stall.state.send_modify(|state| {
                    state.is_probing = false;
                    match probed {
                        Ok(()) => state.is_stalled = false,
                        Err(error) => {
                            state.failures = state.failures.wrapping_add(1);
                            state.failed = Some((Instant::now(), error));
                        }
                    }
                });
            });
        }
        let until = if recently.is_some() { deadline.min(Instant::now() + HOPE) } else { deadline };
        let probed = state.wait_for(|state| !state.is_stalled || state.failures != before);
        match tokio::time::timeout_at(until.into(), probed).await {
            Ok(Ok(state)) if !state.is_stalled => Ok(()),
            Ok(Ok(state)) => {
                let failed = state.failed.as_ref().map(|(_, error)| error.clone());
                Err(failed.unwrap_or_else(error::late))
            }
            _ => Err(recently.unwrap_or_else(error::late)),
        }
    }

    /// Commits something that is nothing, as durably as everything else.
    async fn probe(&self, deadline: Instant) -> Result<(), StoreError> {
        let place = self.pool.place(deadline).await.map_err(|f| error::unavailable(&f))?;
        let told = loop {
            let held = self.pool.connection(deadline).await?;
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
