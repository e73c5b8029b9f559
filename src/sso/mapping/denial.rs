//! `deny_if`: conditions that refuse a session that is good in every other way. A condition
//! that cannot be evaluated refuses as well, as an error of the other side.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;

use super::super::ValidateError;
use super::super::expression::{Expression, Scope};

/// The longest reason, in bytes.
const MAX_REASON: usize = 200;

/// One condition, and what the log says when it holds.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Table")]
pub(super) struct Denial {
    condition: Expression,
    reason: Reason,
}

/// A text that lives as long as the process.
#[derive(Debug, Clone, Copy)]
struct Reason(&'static str);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    cel: String,
    reason: String,
}

impl TryFrom<Table> for Denial {
    type Error = String;

    fn try_from(table: Table) -> Result<Self, String> {
        let reason = table.reason.trim();
        if reason.is_empty() || reason.len() > MAX_REASON || reason.contains(char::is_control) {
            return Err(format!("reason must be 1 to {MAX_REASON} printable bytes"));
        }
        let condition = Expression::compile(&table.cel)?;
        Ok(Self { condition, reason: Reason(interned(reason)) })
    }
}

impl Denial {
    /// What the log says when it holds.
    pub(super) fn reason(&self) -> &'static str {
        self.reason.0
    }

    /// Refuses if the condition holds.
    ///
    /// # Errors
    /// `Rejected` with the reason; `Upstream` when the condition has no yes or no.
    pub(super) fn check(&self, scope: &Scope<'_>) -> Result<(), ValidateError> {
        match self.condition.strictly(scope) {
            Ok(Some(Value::Bool(false))) => Ok(()),
            Ok(Some(Value::Bool(true))) => Err(ValidateError::Rejected(self.reason.0)),
            Ok(_) => Err(unclear("its value is no boolean")),
            Err(failed) => Err(unclear(failed.0)),
        }
    }
}

fn unclear(why: &str) -> ValidateError {
    ValidateError::Upstream(format!("deny_if cannot be decided: {why}"))
}

/// The text for as long as the process lives, which is how long verdicts keep it. The same text
/// takes no more memory however often the configuration is read.
fn interned(text: &str) -> &'static str {
    static TEXTS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut texts = TEXTS.lock();
    if let Some(known) = texts.get(text) {
        return known;
    }
    let kept: &'static str = Box::leak(text.into());
    texts.insert(kept);
    kept
}
