//! [`Guard`]: how often and when another system is asked at all. At most so many at once, not
//! while it is known to be down, and once more only where that is safe. It fails fast with
//! `Unavailable` and never decides about a credential. Called by `cache`.

mod breaker;
mod budget;
mod gate;
mod settings;

use std::time::Instant;

use tokio::sync::SemaphorePermit;

use self::breaker::{Breaker, Pass};
use self::budget::Budget;
use self::gate::Gate;
pub(super) use self::settings::{Settings, permille};
use super::asks::{Asks, Told};
use super::{ValidateCx, ValidateError};
use crate::domain::{Credential, Timestamp};

/// Stands before one validator's other system.
#[derive(Debug)]
pub(super) struct Guard {
    gate: Gate,
    breaker: Breaker,
    budget: Budget,
}

impl Guard {
    /// Asks, if that is allowed now.
    ///
    /// 1. While the circuit is open: refused, with the time that is left.
    /// 2. A place among those that ask at the same time, or a short queue for one.
    /// 3. Asks; once more if nothing can have happened and the budget has it.
    /// 4. Tells the breaker how it went.
    pub(super) async fn ask(
        &self,
        inner: &dyn Asks,
        credential: &Credential,
        cx: &ValidateCx<'_>,
    ) -> Told {
        match self.guarded(inner, credential, cx).await {
            Ok(told) => told,
            Err(refused) => Told::plain(Err(refused)),
        }
    }

    async fn guarded(
        &self,
        inner: &dyn Asks,
        credential: &Credential,
        cx: &ValidateCx<'_>,
    ) -> Result<Told, ValidateError> {
        let turn = self.enter(cx.deadline, cx.now).await?;
        let mut told = inner.ask(credential, cx).await;
        if turn.may_repeat(&told) {
            told = inner.ask(credential, cx).await;
        }
        turn.settle(&told);
        Ok(told)
    }

    /// The first two steps of [`Guard::ask`], for whoever asks about something else than a
    /// credential and takes the other two itself.
    ///
    /// # Errors
    /// `Unavailable` when nobody may ask now.
    pub(super) async fn enter(
        &self,
        deadline: Instant,
        now: Timestamp,
    ) -> Result<Turn<'_>, ValidateError> {
        let begun = Instant::now();
        self.breaker.refuse_if_open(now)?;
        let place = self.gate.enter(deadline).await?;
        let pass = self.breaker.admit(since(begun, now))?;
        self.budget.earn();
        Ok(Turn { pass, _place: place, budget: &self.budget, begun, now })
    }
}

/// Leave to ask, once or twice.
pub(super) struct Turn<'g> {
    pass: Pass<'g>,
    _place: SemaphorePermit<'g>,
    budget: &'g Budget,
    begun: Instant,
    now: Timestamp,
}

impl Turn<'_> {
    /// Whether to ask once more; it costs.
    pub(super) fn may_repeat(&self, told: &Told) -> bool {
        told.may_ask_again && !self.pass.is_probe() && self.budget.spend()
    }

    /// Says how it went.
    pub(super) fn settle(self, told: &Told) {
        self.pass.settle(told, since(self.begun, self.now));
    }
}

/// The time by the clock that said `now` when `begun` was. Only this makes a breaker's times
/// begin when a check ended, whatever it took; the clock itself is nobody's to read here.
fn since(begun: Instant, now: Timestamp) -> Timestamp {
    now.plus(begun.elapsed())
}

#[cfg(test)]
mod tests;
