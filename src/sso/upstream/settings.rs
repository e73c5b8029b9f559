//! The `upstream` table of a validator that asks another system.

use std::time::Duration;

use serde::Deserialize;

use super::Guard;
use super::breaker::{Breaker, Rules};
use super::budget::Budget;
use super::gate::Gate;
use crate::domain::setting::{HumanDuration, Problems, join};

/// `[validators.<name>.upstream]`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in super::super) struct Settings {
    /// How many may ask at the same time.
    max_concurrent: usize,
    /// How many more may wait for a place.
    max_waiting: usize,
    /// Failures in a row that open the circuit.
    failures: u32,
    /// How long it stays open.
    open_for: HumanDuration,
    /// The longest `Retry-After` that is waited out.
    max_open_for: HumanDuration,
    /// The share of requests that may be sent a second time.
    retry_budget: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_concurrent: 64,
            max_waiting: 64,
            failures: 5,
            open_for: HumanDuration::secs(5),
            max_open_for: HumanDuration::secs(60),
            retry_budget: 0.1,
        }
    }
}

impl Settings {
    /// Notes what cannot work.
    pub(in super::super) fn check(&self, path: &str, problems: &mut Problems) {
        if !(1..=65_536).contains(&self.max_concurrent) {
            problems.push(join(path, "max_concurrent"), "must be from 1 to 65536");
        }
        if self.max_waiting > 65_536 {
            problems.push(join(path, "max_waiting"), "must be at most 65536");
        }
        if !(1..=10_000).contains(&self.failures) {
            problems.push(join(path, "failures"), "must be from 1 to 10000");
        }
        let whole = |span: Duration| span.as_secs() >= 1 && span.subsec_nanos() == 0;
        if !whole(self.open_for.0) {
            problems.push(join(path, "open_for"), "must be whole seconds, at least one");
        }
        if !whole(self.max_open_for.0) || self.max_open_for < self.open_for {
            let rule = "must be whole seconds, and not less than open_for";
            problems.push(join(path, "max_open_for"), rule);
        }
        if !(0.0..=1.0).contains(&self.retry_budget) {
            problems.push(join(path, "retry_budget"), "must be from 0 to 1");
        }
    }

    /// The guard of the validator at `path`.
    pub(in super::super) fn build(self, path: &str) -> Guard {
        let rules = Rules {
            failures: self.failures,
            open_for: self.open_for.0,
            max_open_for: self.max_open_for.0,
        };
        Guard {
            gate: Gate::new(self.max_concurrent, self.max_waiting),
            breaker: Breaker::new(path, rules),
            budget: Budget::new(permille(self.retry_budget)),
        }
    }
}

/// A share of 0 to 1 in thousandths.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0..=1000 before"
)]
pub(in super::super) fn permille(share: f64) -> u64 {
    (share.clamp(0.0, 1.0) * 1000.0).round() as u64
}
