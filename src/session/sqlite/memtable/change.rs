//! What a write changes that no tree need have at once, as the log has it: JSON with short names.

use serde::{Deserialize, Serialize};

use crate::domain::{AccountId, TenantId, Timestamp};
use crate::session::{Device, Session, SessionId};

/// Names a session; in the order of `sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::session::sqlite) struct SessionKey(pub SessionId, pub TenantId);

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

    /// The session as it is, of which a tree has `session` and the memtable had `found`.
    pub(in crate::session::sqlite) fn newest(mut session: Session, found: Option<Self>) -> Session {
        if let Some(Self(number, issued_at, expires_at)) = found
            && number > session.generation
        {
            session.generation = number;
            session.issued_at = issued_at;
            session.expires_at = expires_at;
        }
        session
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::session::sqlite) enum Change {
    /// The session was refreshed.
    #[serde(rename = "r")]
    Refreshed(SessionKey, Generation),
    /// The account has one more session, and perhaps one more device.
    #[serde(rename = "b")]
    Begun(AccountKey, SessionId, Option<Device>),
    /// The tree has everything of the account.
    #[serde(rename = "s")]
    Settled(AccountKey),
    /// The session is gone.
    #[serde(rename = "f")]
    Forgotten(SessionKey),
}
