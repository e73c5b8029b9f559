//! The steps that a validation goes through, for `cambio explain`: the parts note them where
//! they happen. Nothing is kept, or even made, in a process that has not called [`begin`], which
//! the server never does.
//!
//! A step never holds a credential; what it holds of a session is marked as such.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::Value;

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Step {
    /// What.
    pub what: &'static str,
    /// Since [`begin`].
    pub at: Duration,
    /// In which way, by name.
    pub facts: Vec<(String, Fact)>,
}

/// Something to know of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// Of the configuration, or of no one in particular.
    Plain(Value),
    /// Of the person whose session it is; shown only when that was asked for.
    Personal(Value),
}

impl Fact {
    /// A plain fact.
    pub fn plain(value: impl Into<Value>) -> Self {
        Self::Plain(value.into())
    }

    /// A personal fact.
    pub fn personal(value: impl Into<Value>) -> Self {
        Self::Personal(value.into())
    }
}

struct Trace {
    begun: Instant,
    steps: Mutex<Vec<Step>>,
}

static TRACE: OnceLock<Trace> = OnceLock::new();

/// From now on steps are kept, until the process ends.
pub fn begin() {
    let _ = TRACE.set(Trace { begun: Instant::now(), steps: Mutex::default() });
}

/// Whether steps are kept.
#[must_use]
pub fn is_on() -> bool {
    TRACE.get().is_some()
}

/// Notes a step; its facts are made only if they are kept.
pub fn note<I: IntoIterator<Item = (&'static str, Fact)>>(
    what: &'static str,
    facts: impl FnOnce() -> I,
) {
    if let Some(trace) = TRACE.get() {
        let facts = facts().into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect();
        trace.steps.lock().push(Step { what, at: trace.begun.elapsed(), facts });
    }
}

/// Whether a step was noted whose fact `name` is `value` and whose fact `yes` is true.
#[must_use]
pub fn noted(what: &str, name: &str, value: &str, yes: &str) -> bool {
    let has = |step: &Step, name: &str, value: Value| {
        step.facts.iter().any(|(known, fact)| known == name && *fact == Fact::Plain(value.clone()))
    };
    let fits = |step: &Step| {
        step.what == what && has(step, name, value.into()) && has(step, yes, true.into())
    };
    TRACE.get().is_some_and(|trace| trace.steps.lock().iter().any(fits))
}

/// The steps so far; they are taken out.
#[must_use]
pub fn take() -> Vec<Step> {
    TRACE.get().map(|trace| std::mem::take(&mut *trace.steps.lock())).unwrap_or_default()
}
