//! Keeps the verdicts of a kind that asks another system, lets identical checks wait for one
//! answer, and lets the last positive verdict stand in while nobody can be asked. Wraps any
//! [`Asks`]; keeps digests of credentials, never a credential. `settings.rs` reads the tables
//! `cache` and `upstream` and makes a validator of the kind.

mod key;
mod life;
mod memory;
mod purge;
mod settings;
mod verdicts;
mod weight;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::key::Key;
use self::memory::{Boarding, Flight, Landing, Memory, Outcome};
pub use self::purge::Purge;
pub(super) use self::settings::Settings;
use self::verdicts::{Kept, Recalled};
use super::asks::Asks;
use super::upstream::Guard;
use super::{ValidateCx, ValidateError};
use crate::domain::{Credential, Timestamp, Verified};

/// The longest that a check may take, whatever the validator's own timeouts say. Those who
/// wait for it have their own, shorter deadlines.
const FLIGHT: Duration = Duration::from_secs(30);

/// A kind that asks, with a memory. It is never without a guard: stale verdicts stand in only
/// while somebody knows of the outage.
pub(super) struct Cached {
    pub(super) inner: Arc<dyn Asks>,
    guard: Arc<Guard>,
    memory: Arc<Memory>,
}

impl Cached {
    /// [`SsoValidator::validate`](super::SsoValidator::validate).
    pub(super) async fn validate(
        &self,
        credential: &Credential,
        cx: &ValidateCx<'_>,
    ) -> Result<Verified, ValidateError> {
        let memory = &self.memory;
        let key = memory.digester.key(credential);
        if let Recalled::Fresh(kept) = memory.recall(&key, cx.now) {
            return answer(kept, cx.now);
        }
        self.inner.screen(credential)?;
        match self.find_out(key, credential, cx).await {
            Ok(who) => answer(Kept::Verified(who), cx.now),
            Err(no_verdict @ (ValidateError::Unavailable { .. } | ValidateError::Upstream(_))) => {
                // Looked up only now: what was known before may have been rejected or purged.
                match memory.recall(&key, cx.now) {
                    Recalled::Stale(who) => answer(Kept::Verified(who), cx.now),
                    Recalled::Fresh(kept) => answer(kept, cx.now),
                    Recalled::Nothing => Err(no_verdict),
                }
            }
            Err(at_fault) => Err(at_fault),
        }
    }

    /// [`SsoValidator::purge`](super::SsoValidator::purge).
    pub(super) fn purge(&self, which: &Purge) -> usize {
        self.memory.purge(which)
    }

    /// Waits for the check of this credential, and begins it if nobody has. The check is a task
    /// of its own: whoever gives up does not take it from the others.
    async fn find_out(&self, key: Key, credential: &Credential, cx: &ValidateCx<'_>) -> Outcome {
        let landing = match self.memory.board(key, cx.now) {
            Boarding::Known(Kept::Verified(who)) => return Ok(who),
            Boarding::Known(Kept::Rejected(why)) => return Err(ValidateError::Rejected(why)),
            Boarding::Follow(landing) => landing,
            Boarding::Lead(flight, landing) => {
                tokio::spawn(self.fly(flight, credential.clone(), cx));
                landing
            }
        };
        wait(landing, cx.deadline).await
    }

    fn fly(
        &self,
        flight: Flight,
        credential: Credential,
        cx: &ValidateCx<'_>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (inner, guard) = (Arc::clone(&self.inner), Arc::clone(&self.guard));
        let (tenant, service) = (cx.tenant.clone(), cx.service.clone());
        async move {
            let deadline = Instant::now() + FLIGHT;
            let cx = ValidateCx { now: flight.now, deadline, tenant: &tenant, service: &service };
            let told = guard.ask(&*inner, &credential, &cx).await;
            flight.land(told);
        }
    }
}

async fn wait(mut landing: Landing, deadline: Instant) -> Outcome {
    let landed = landing.wait_for(Option::is_some);
    match tokio::time::timeout_at(deadline.into(), landed).await {
        Ok(Ok(outcome)) => {
            let outcome: Option<Outcome> = outcome.clone();
            outcome.unwrap_or_else(|| Err(stopped()))
        }
        Ok(Err(_)) => Err(stopped()),
        Err(_) => Err(ValidateError::unavailable("no answer in time")),
    }
}

fn stopped() -> ValidateError {
    ValidateError::unavailable("the check was stopped")
}

/// A kept verdict as an answer now, which may be a little after it was given.
fn answer(kept: Kept, now: Timestamp) -> Result<Verified, ValidateError> {
    match kept {
        Kept::Verified(who) if who.expires_at.is_some_and(|end| end <= now) => {
            Err(ValidateError::Rejected("session has ended"))
        }
        Kept::Verified(who) => Ok(Arc::unwrap_or_clone(who)),
        Kept::Rejected(why) => Err(ValidateError::Rejected(why)),
    }
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kept, under_way) = self.memory.len();
        f.debug_struct("Cached")
            .field("kind", &self.inner.kind())
            .field("kept", &kept)
            .field("under_way", &under_way)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
