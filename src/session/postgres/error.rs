//! What went wrong with a statement, and what follows from it: whether the call may be made
//! again, whether the connection is still good, and what the caller is told. Quotes neither
//! the server's messages nor stored values.

use tokio_postgres::error::SqlState;

use crate::session::StoreError;
use crate::support::{Fault, FaultKind, postgres};

/// Why an operation has no answer.
#[derive(Debug)]
pub(super) enum Error {
    /// The connection or the server.
    Postgres(tokio_postgres::Error),
    /// What is stored, or is to be stored, cannot be read or written.
    Content(&'static str),
    /// This server is not one to write to.
    Unfit(Fault),
    /// Others kept changing what it was about.
    Busy,
    /// Its caller has given up, and it was not carried out.
    Late,
    /// The server found it late, and has not carried it out; but somebody waits for it still, so its
    /// clock is not what it was when the connection was made.
    OutOfTime,
}

/// Whether the server lacks what it was asked for, or keeps it from this role: what only speaks PostgreSQL's protocol may.
pub(super) fn is_unsupported(error: &tokio_postgres::Error) -> bool {
    let lacking = [
        SqlState::UNDEFINED_FUNCTION,
        SqlState::FEATURE_NOT_SUPPORTED,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ];
    error.code().is_some_and(|code| lacking.contains(code))
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

/// What follows from an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consequence {
    /// Nothing has happened, and it may go better at once: another transaction was in the way.
    Again,
    /// This server takes no writes any more: another has become the primary.
    Elsewhere,
    /// The connection is gone, and with it the knowledge of whether it happened.
    Lost,
    /// Nothing has happened, and nothing is to be done about it.
    Refused,
}

impl Error {
    /// What follows from it.
    pub(super) fn consequence(&self) -> Consequence {
        let error = match self {
            Self::Postgres(error) => error,
            Self::Unfit(_) => return Consequence::Elsewhere,
            // Nor does it help to stay on a connection whose idea of the server's time is wrong.
            Self::Busy | Self::OutOfTime => return Consequence::Elsewhere,
            Self::Content(_) | Self::Late => return Consequence::Refused,
        };
        let Some(code) = error.code() else { return Consequence::Lost };
        match *code {
            // By design there are none (`sql.rs`); a server with rules of its own may still
            // prefer one transaction over another.
            SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
                Consequence::Again
            }
            SqlState::READ_ONLY_SQL_TRANSACTION => Consequence::Elsewhere,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Consequence::Lost,
            // Shutdown, crash, "cannot connect now"; and what a proxy says when it lost the server.
            _ if code.code().starts_with("57P") || code.code().starts_with("08") => {
                Consequence::Lost
            }
            _ => Consequence::Refused,
        }
    }

    /// Whether it is about a key that is taken.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self, Self::Postgres(e) if e.code() == Some(&SqlState::UNIQUE_VIOLATION))
    }

    /// What the caller is told.
    pub(super) fn told(&self) -> StoreError {
        match self {
            Self::Postgres(error) => unavailable(&postgres::fault(error)),
            Self::Content(what) => StoreError(format!("postgresql: {what} is not readable")),
            Self::Unfit(fault) => unavailable(fault),
            Self::Busy => StoreError("postgresql: a session changes all the time".to_owned()),
            Self::Late | Self::OutOfTime => late(),
        }
    }
}

/// What the caller is told of a fault.
pub(super) fn unavailable(fault: &Fault) -> StoreError {
    StoreError(format!("postgresql: {fault}"))
}

/// No answer, or no turn, in time.
pub(super) fn late() -> StoreError {
    unavailable(&Fault::new(FaultKind::Late, "no answer in time"))
}
