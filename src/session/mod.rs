//! The session store: what Cambio remembers after a sign-on. [`SessionStore`],
//! [`DeviceStore`], [`TicketStore`] and [`KeyStore`] are the part's contract, split by
//! noun; `settings.rs` is the only way to the backends. A raw token or cookie never
//! reaches a store: only digests, ids and generations do.

mod audit;
mod error;
mod memory;
mod postgres;
mod record;
mod redis;
mod request;
mod rules;
pub mod settings;
mod sqlite;

use std::fmt;

use async_trait::async_trait;

use crate::domain::identity::OneTimeClaim;
use crate::domain::{AccountId, DeviceId, TenantId, Timestamp};

pub use error::{BeginError, RefreshError, StoreError};
pub use record::{
    Device, DeviceState, Facts, LAST_GENERATION, PendingDevice, PendingSignOn, Session, SessionId,
    Ticket, UpstreamSession, Versioned,
};
pub use request::{
    Begun, DeviceChange, DeviceLimits, DeviceRequest, NewSession, NextPair, Page, PageStart,
    PresentedRefresh, Refreshed, SESSIONS_A_PLACE, SessionLimit, WhenFull,
};

/// Everything a backend provides.
///
/// # Contract
/// Each clause is a test in `tests/it/store_conformance/`, run on every backend.
/// * `now` is a parameter everywhere; what has expired (`expires_at <= now`) is absent
///   for every method.
/// * Every method is one atomic step: racing calls are ordered, and a failed one changes nothing.
/// * Acknowledged means durable, as far as the backend promises durability at all: an `Ok`
///   is returned after the commit.
/// * Cancel-safe: a dropped call either happened or did not.
/// * [`StoreError`] is never a verdict: callers turn it into "could not find out".
/// * Every method that decides something names the tenant and the account: sessions, devices
///   and the claim of a ticket are decided per account, so a backend may keep each account's
///   apart from all others' (a slot of a cluster, a lock).
pub trait Store: SessionStore + DeviceStore + TicketStore + KeyStore {
    /// The backend's name as the configuration spells it.
    fn kind(&self) -> &'static str;
}

/// Sessions, with the device rules that must hold in the same step.
#[async_trait]
pub trait SessionStore: Send + Sync + fmt::Debug {
    /// Begins a session: claims the one-time credential, registers or finds the device, makes
    /// room within the account's limit and remembers the session, all or nothing.
    ///
    /// A session that is evicted is absent from then on, but its refresh token is told so
    /// ([`RefreshError::Evicted`]) for as long as it is good.
    ///
    /// # Errors
    /// [`BeginError`]; checked in the order of its variants.
    async fn begin(&self, new: NewSession, now: Timestamp) -> Result<Begun, BeginError>;

    /// Refreshes: decides what the presented refresh token is worth.
    ///
    /// * Current generation: the next generation begins at `now` (`Rotated`).
    /// * The one before, no later than `grace` after the current one was issued: the current
    ///   generation again (`Replayed`). It is unused, or it would not be current.
    /// * Anything else: reuse. The session ends, the call says so, and the backend writes the audit event: its
    ///   caller may have gone.
    ///
    /// A device that is not active refuses without consuming anything.
    ///
    /// # Errors
    /// [`RefreshError`].
    async fn refresh(
        &self,
        presented: &PresentedRefresh,
        next: NextPair,
        now: Timestamp,
    ) -> Result<Refreshed, RefreshError>;

    /// The account's session, if it is alive.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn session(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError>;

    /// The account's sessions that are alive, in order of their ids.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn sessions(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError>;

    /// Ends a session of this account and device. `false`: it was not alive. The device stays
    /// registered.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn end(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        id: SessionId,
        device: &DeviceId,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Ends all sessions of this account and answers how many were alive. Its devices stay. (What has expired goes
    /// as well: by another node's clock it may not have.)
    ///
    /// # Errors
    /// [`StoreError`].
    async fn end_all(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<u32, StoreError>;

    /// All tenants' live sessions, about `limit` of them from a place on, for an operator. What
    /// is alive throughout a walk is met at least once; the walk ends however much is written.
    ///
    /// # Errors
    /// [`StoreError`], for a place that this backend did not answer as well.
    async fn page(
        &self,
        from: Option<PageStart>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError>;

    /// Removes at most `limit` expired sessions and tickets and answers how many it removed;
    /// called now and then, in small batches.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn sweep(&self, limit: u32, now: Timestamp) -> Result<u32, StoreError>;

    /// Whether the store could answer now (readiness).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn check(&self) -> Result<(), StoreError>;
}

/// Devices.
#[async_trait]
pub trait DeviceStore: Send + Sync {
    /// The account's devices, the newest deleted ones included, in order of their ids.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn devices(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Vec<Device>, StoreError>;

    /// Changes a device; `false` when the account has no such device, or it is deleted (which it
    /// can become again and stays, until a hundred newer ones are). Deleting ends the device's sessions in the same step; their
    /// refresh tokens are told that the device is deleted, for as long as they are good.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn change_device(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        device: &DeviceId,
        change: DeviceChange,
    ) -> Result<bool, StoreError>;
}

/// One-time credentials. Taking one is part of [`SessionStore::begin`].
#[async_trait]
pub trait TicketStore: Send + Sync {
    /// Remembers a ticket.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn put_ticket(&self, digest: OneTimeClaim, ticket: Ticket) -> Result<(), StoreError>;

    /// Looks at a ticket without using it up.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn peek_ticket(
        &self,
        digest: OneTimeClaim,
        now: Timestamp,
    ) -> Result<Option<Ticket>, StoreError>;
}

/// Key rings: small sealed documents, by name, replaced by compare-and-swap.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// The document of this name.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn load_keys(&self, name: &str) -> Result<Option<Versioned>, StoreError>;

    /// Replaces the document if its version is still `expected` (0: it does not exist).
    /// `false`: somebody else was first, load again.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn swap_keys(&self, name: &str, expected: u64, bytes: &[u8]) -> Result<bool, StoreError>;
}
