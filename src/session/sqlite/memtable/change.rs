//! What a write changes that no tree need have at once, as the log has it: JSON with short names.

use serde::{Deserialize, Serialize};

use crate::domain::{AccountId, DeviceId, TenantId, Timestamp};
use crate::session::{Device, Session, SessionId};

/// Names a session; in the order of `sessions`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::session::sqlite) struct SessionKey(pub SessionId, pub TenantId);

/// Names an account; in the order of `accounts`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::session::sqlite) struct AccountKey(pub TenantId, pub AccountId);

/// Names what an account has; in the order of `accounts`. A device's session is [`NO_SESSION`], a
/// session's device is nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::session::sqlite) struct AccountRow {
    pub account: AccountKey,
    pub session: SessionId,
    pub device: Option<DeviceId>,
}

/// Before all sessions.
pub(in crate::session::sqlite) const NO_SESSION: SessionId =
    SessionId { ends_at: Timestamp::from_secs(0), number: 0 };

impl AccountRow {
    /// Before everything that the account has.
    pub(super) fn first(account: &AccountKey) -> Self {
        Self { account: account.clone(), session: NO_SESSION, device: None }
    }

    pub(super) fn session(account: &AccountKey, id: SessionId) -> Self {
        Self { account: account.clone(), session: id, device: None }
    }

    pub(super) fn device(account: &AccountKey, id: &DeviceId) -> Self {
        Self { account: account.clone(), session: NO_SESSION, device: Some(id.clone()) }
    }
}

/// What a refresh changes of a session: its number, when it was issued and when it expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::session::sqlite) struct Generation(pub u32, pub Timestamp, pub Timestamp);

impl Generation {
    /// A session's.
    pub(in crate::session::sqlite) fn of(session: &Session) -> Self {
        Self(session.generation, session.issued_at, session.expires_at)
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
