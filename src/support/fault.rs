//! [`Fault`]: why a database gave no answer, in the words that its callers decide by. Made
//! by `redis` and `postgres`; its texts are for logs and never quote a command, a value or
//! a server's message, which may hold a session's id.

use std::fmt;
use std::time::Duration;

/// How long an attempt to reach a server is waited for by those who share it, when the one before was in
/// vain: enough for a server that is back, also beside another one that says nothing, and in an outage a
/// caller hears of it soon.
pub const HOPE: Duration = Duration::from_millis(500);
/// How long it is remembered that an attempt was in vain. Who comes later waits until their own deadline: nobody
/// may have tried since, and the server may be back.
pub const RECENT: Duration = Duration::from_secs(2);

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What it means for the caller.
    pub kind: FaultKind,
    /// For logs: lower case, no secret.
    pub reason: String,
}

/// What a [`Fault`] means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// There is no connection: nobody has seen the command.
    NotConnected,
    /// The connection was lost before the answer: the command may have been carried out.
    Lost,
    /// No answer in time.
    Late,
    /// The server answered that it will not or cannot do this now: not ready, no permission,
    /// a failed log-in, a query that is wrong.
    Refused,
    /// The server answered properly that what is there is not of the type that was asked for:
    /// one entry's or one value's fault, not the server's.
    WrongType,
    /// The answer is none that the server could have meant: another protocol.
    Nonsense,
}

impl Fault {
    /// A fault of this kind.
    pub fn new(kind: FaultKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }

    /// No answer in time.
    #[must_use]
    pub fn late() -> Self {
        Self::new(FaultKind::Late, "no answer in time")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Fault {}
