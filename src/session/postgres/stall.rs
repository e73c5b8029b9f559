//! What is done while commits are not answered: because a synchronous standby is away, a disk or
//! the network. A refresh that is sent then takes effect when they are answered again, maybe much
//! later, and its client has a token that is superseded by a pair that nobody was told of. So
//! after a call that got no answer in time, nothing is changed before a probe has been committed,
//! which changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::sync::watch;
use tokio_postgres::error::SqlState;

use super::call::{LINGER, Shared};
use super::error::{self, Error};
use crate::session::StoreError;

/// Whether commits are answered.
#[derive(Debug, Default)]
pub(super) struct Stall {
    is_stalled: watch::Sender<bool>,
    is_probing: AtomicBool,
}

impl Stall {
    /// A call has got no answer in time.
    pub(super) fn begins(&self) {
        self.is_stalled.send_replace(true);
    }
}

impl Shared {
    /// Waits until commits are answered, as far as is known.
    ///
    /// # Errors
    /// They are not, until the deadline.
    pub(super) async fn commits(self: &Arc<Self>, deadline: Instant) -> Result<(), StoreError> {
        let mut is_stalled = self.stall.is_stalled.subscribe();
        if !*is_stalled.borrow_and_update() {
            return Ok(());
        }
        if !self.stall.is_probing.swap(true, Ordering::SeqCst) {
            let shared = Arc::clone(self);
            tokio::spawn(async move {
                let probed = shared.probe(Instant::now() + LINGER).await;
                shared.stall.is_probing.store(false, Ordering::SeqCst);
                if probed.is_ok() {
                    shared.stall.is_stalled.send_replace(false);
                }
            });
        }
        let answered = is_stalled.wait_for(|stalled| !stalled);
        match tokio::time::timeout_at(deadline.into(), answered).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(error::late()),
        }
    }

    /// Commits something that is nothing, as durably as everything else.
    async fn probe(&self, deadline: Instant) -> Result<(), StoreError> {
        let place = self.pool.place(deadline).await.map_err(|f| error::unavailable(&f))?;
        let held = self.pool.connection(&self.sql, deadline).await?;
        let asked = held.connection.client.query_typed(&self.sql.probe, &[]);
        let answer = tokio::time::timeout_at(deadline.into(), asked).await;
        let told = match answer {
            Ok(Ok(_)) => Ok(()),
            // What only speaks PostgreSQL's protocol has answered, and that is all there is to know.
            Ok(Err(error)) if error.code() == Some(&SqlState::UNDEFINED_FUNCTION) => Ok(()),
            Ok(Err(error)) => Err(Error::from(error).told()),
            Err(_) => Err(error::late()),
        };
        match &told {
            Ok(()) => self.pool.give_back(held),
            Err(_) => self.pool.forget(),
        }
        drop(place);
        told
    }
}
