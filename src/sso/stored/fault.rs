//! What a database's fault means for a verdict: never anything about the credential.

use super::super::ValidateError;
use super::super::asks::Told;
use crate::support::{Fault, FaultKind};

/// The verdict, and what it says of the store's health and of asking again. Reading changes
/// nothing, so that what was lost before its answer may be asked once more.
pub(in super::super) fn told_of(fault: &Fault) -> Told {
    Told {
        may_ask_again: matches!(fault.kind, FaultKind::NotConnected | FaultKind::Lost),
        is_alive: fault.kind == FaultKind::WrongType,
        ..Told::plain(Err(verdict_of(fault)))
    }
}

/// `Unavailable` when the store did not answer or would not, `Upstream` when it answered what
/// is no session.
fn verdict_of(fault: &Fault) -> ValidateError {
    match fault.kind {
        FaultKind::NotConnected | FaultKind::Lost | FaultKind::Late | FaultKind::Refused => {
            ValidateError::unavailable(fault.reason.clone())
        }
        FaultKind::WrongType | FaultKind::Nonsense => ValidateError::Upstream(fault.reason.clone()),
    }
}
