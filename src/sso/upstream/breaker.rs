//! The circuit breaker: after so many failures in a row nobody asks for a while, then one
//! probe does, and its outcome decides for the others. A system that names a time
//! (`Retry-After`) is left alone for it, within a bound.

use std::time::Duration;

use parking_lot::Mutex;

use super::super::ValidateError;
use super::super::asks::Told;
use crate::domain::Timestamp;

/// When it opens, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Failures in a row that open it.
    pub(super) failures: u32,
    /// How long it stays open.
    pub(super) open_for: Duration,
    /// The most that a `Retry-After` can ask for.
    pub(super) max_open_for: Duration,
}

#[derive(Debug)]
pub(super) struct Breaker {
    /// For the log: the validator's key path.
    name: Box<str>,
    rules: Rules,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Counts the phases: what began in an earlier one has no say in this.
    epoch: u64,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed { failures: u32 },
    Open { until: Timestamp },
    Probing,
}

impl Breaker {
    pub(super) fn new(name: &str, rules: Rules) -> Self {
        let state = State { phase: Phase::Closed { failures: 0 }, epoch: 0 };
        Self { name: name.into(), rules, state: Mutex::new(state) }
    }

    /// Whether [`Breaker::admit`] would refuse.
    ///
    /// # Errors
    /// `Unavailable` with the time that is left.
    pub(super) fn refuse_if_open(&self, now: Timestamp) -> Result<(), ValidateError> {
        self.refusal(self.state.lock().phase, now).map_or(Ok(()), Err)
    }

    /// Lets one through. When the time is up that is the probe, and only it.
    ///
    /// # Errors
    /// `Unavailable` with the time that is left.
    pub(super) fn admit(&self, now: Timestamp) -> Result<Pass<'_>, ValidateError> {
        let mut state = self.state.lock();
        if let Some(refusal) = self.refusal(state.phase, now) {
            return Err(refusal);
        }
        let is_probe = matches!(state.phase, Phase::Open { .. });
        if is_probe {
            state.enter(Phase::Probing);
        }
        Ok(Pass { breaker: self, epoch: state.epoch, probe: is_probe.then_some(now) })
    }

    fn refusal(&self, phase: Phase, now: Timestamp) -> Option<ValidateError> {
        let left = match phase {
            Phase::Closed { .. } => return None,
            Phase::Probing => 1,
            Phase::Open { until } => {
                let left = u64::try_from(until.since(now)).unwrap_or(0);
                // More than it was opened for: the clock was set back.
                let set_back = left > self.rules.max_open_for.as_secs();
                if left == 0 || set_back {
                    return None;
                }
                left
            }
        };
        Some(ValidateError::Unavailable {
            reason: "it is left alone after failures".to_owned(),
            retry_after: Some(Duration::from_secs(left)),
        })
    }

    fn open(&self, state: &mut State, span: Duration, now: Timestamp) {
        // Open times are whole seconds of the clock; at least one, or it would not open.
        let span = span.clamp(Duration::from_secs(1), self.rules.max_open_for);
        state.enter(Phase::Open { until: now.plus(span) });
        let secs = span.as_secs();
        tracing::warn!(validator.path = %self.name, open.secs = secs, "upstream fails and is left alone");
    }
}

impl State {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch += 1;
    }
}

/// Leave to ask once. Dropped without an outcome it changes nothing, except that a probe
/// leaves its place to the next.
#[derive(Debug)]
pub(super) struct Pass<'b> {
    breaker: &'b Breaker,
    epoch: u64,
    /// When the probe began, if this is it.
    probe: Option<Timestamp>,
}

impl Pass<'_> {
    pub(super) fn is_probe(&self) -> bool {
        self.probe.is_some()
    }

    /// Says how it went. `Malformed` says nothing of the other system.
    pub(super) fn settle(self, told: &Told, now: Timestamp) {
        let breaker = self.breaker;
        let mut state = breaker.state.lock();
        if state.epoch != self.epoch {
            return;
        }
        match &told.verdict {
            Ok(_) | Err(ValidateError::Rejected(_)) => self.succeed(&mut state),
            _ if told.is_alive => self.succeed(&mut state),
            Err(ValidateError::Malformed(_)) => {}
            Err(ValidateError::Unavailable { retry_after: Some(span), .. }) => {
                let span = if self.is_probe() { breaker.rules.open_for.max(*span) } else { *span };
                breaker.open(&mut state, span, now);
            }
            Err(ValidateError::Unavailable { .. } | ValidateError::Upstream(_)) => {
                if let Phase::Closed { failures } = &mut state.phase {
                    *failures += 1;
                    if *failures < breaker.rules.failures {
                        return;
                    }
                }
                breaker.open(&mut state, breaker.rules.open_for, now);
            }
        }
    }

    fn succeed(&self, state: &mut State) {
        let closed = Phase::Closed { failures: 0 };
        if self.is_probe() {
            state.enter(closed);
            tracing::info!(validator.path = %self.breaker.name, "upstream answers again");
        } else {
            state.phase = closed;
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let Some(began) = self.probe else { return };
        let mut state = self.breaker.state.lock();
        if state.epoch == self.epoch {
            state.enter(Phase::Open { until: began });
        }
    }
}
