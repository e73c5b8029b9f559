//! What a write changes that no tree need have at once, as the log has it: JSON with short names.

use serde::{Deserialize, Serialize};

use super::super::place::SessionRow;
use crate::domain::{AccountId, TenantId, Timestamp};
use crate::session::{Device, Session, SessionId};

/// Names an account; in the order of `accounts`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::session::sqlite) struct AccountKey(pub TenantId, pub AccountId);

/// What a refresh changes of a session: its number, when it was issued and when it expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::session::sqlite) struct Generation(pub u32, pub Timestamp, pub Timestamp);

impl Generation {
    /// A session's.
    pub(in crate::session::sqlite) fn of(session: &Session) -> Self {
        Self(session.generation, session.issued_at, session.expires_at)
    }

    /// This one, or what was found elsewhere if that is newer.
    pub(in crate::session::sqlite) fn or_newer(self, found: Option<Self>) -> Self {
        found.filter(|found| found.0 > self.0).unwrap_or(self)
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::session::sqlite) enum Change {
    /// The session was refreshed.
    #[serde(rename = "r")]
    Refreshed(SessionRow, Generation),
    /// The account has one more session, and perhaps one more device.
    #[serde(rename = "b")]
    Begun(AccountKey, SessionId, Option<Device>),
    /// The tree has everything of the account.
    #[serde(rename = "s")]
    Settled(AccountKey),
    /// The session is gone.
    #[serde(rename = "f")]
    Forgotten(SessionRow),
}
