//! Why the session store did not do what it was asked. The stories turn these into what a
//! client is told; a [`StoreError`] is never a verdict.

/// The store could not answer; says nothing about any session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("session store is unavailable: {0}")]
pub struct StoreError(pub String);

/// Why no session was begun. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BeginError {
    /// The one-time credential is unknown, used or expired.
    #[error("one-time credential is gone")]
    ClaimGone,
    /// The account has no such device, or has deleted it (20003).
    #[error("device is deleted or not this account's")]
    DeviceUnknown,
    /// The device is disabled (20004).
    #[error("device is disabled")]
    DeviceDisabled,
    /// The account has as many devices, or of this class, as it may have (20007).
    #[error("device limit is reached")]
    DeviceLimit,
    /// The account has as many sessions as it may have.
    #[error("session limit is reached")]
    SessionLimit,
    /// The session's number or the new device's id is taken; try another.
    #[error("identifier is taken")]
    Conflict,
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why there is no new pair. Nothing was changed but by `Reused`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefreshError {
    /// No such live session: unknown, expired or ended, or another service's, account's or device's.
    #[error("session is not alive")]
    Gone,
    /// A superseded token was presented: the session has been ended.
    #[error("superseded refresh token was reused, session ended")]
    Reused,
    /// The session has reached [`LAST_GENERATION`](super::LAST_GENERATION) and has been ended.
    #[error("session has been refreshed too often, session ended")]
    Exhausted,
    /// The session was ended to make room for a newer one of its account.
    #[error("session has been evicted by a newer one")]
    Evicted,
    /// The device has been deleted (20003).
    #[error("device is deleted")]
    DeviceDeleted,
    /// The device is disabled (20004).
    #[error("device is disabled")]
    DeviceDisabled,
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}
