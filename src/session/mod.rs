//! The session store: what Cambio remembers after a sign-on. [`SessionStore`],
//! [`DeviceStore`], [`TicketStore`] and [`KeyStore`] are the part's contract, split by
//! noun; `settings.rs` is the only way to the backends. A raw token or cookie never
//! reaches a store: only digests, ids and generations do.

mod memory;
mod postgres;
mod rules;
pub mod settings;
mod sqlite;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::domain::identity::OneTimeClaim;
use crate::domain::{AccountId, DeviceId, ServiceName, TenantId, Timestamp};

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
pub trait Store: SessionStore + DeviceStore + TicketStore + KeyStore {
    /// The backend's name as the configuration spells it.
    fn kind(&self) -> &'static str;
}

/// Names one session (a refresh family) for as long as any token of it can live:
/// its absolute end, which every token carries as `fixed_exp`, and a random number.
/// Ordering by end keeps inserts and expiry at the two ends of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId {
    /// The absolute end of the sign-on (`fixed_exp`).
    pub ends_at: Timestamp,
    /// A random number below [`SessionId::NUMBER_LIMIT`], unique among the tenant's
    /// sessions with the same end. A backend stores sessions in this order, so numbers
    /// that ascend in their high bits make sign-ons of the same second cheaper.
    pub number: u64,
}

impl SessionId {
    /// Numbers have 43 bits, so that with a 20-bit generation they make a `jti` that
    /// fits the positive range of a signed 64-bit integer.
    pub const NUMBER_LIMIT: u64 = 1 << 43;
}

/// The last generation a session can reach: a refresh past it ends the session. One
/// refresh every 2.5 s for 30 days stays below it.
pub const LAST_GENERATION: u32 = (1 << 20) - 1;

/// A session as it is remembered.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Whose API it was begun on.
    pub tenant: TenantId,
    /// The authentication service that began it.
    pub service: ServiceName,
    /// The device it runs on.
    pub device: DeviceId,
    /// The device's class as registered (claim `playoutDeviceClass`).
    pub device_class: Option<String>,
    /// The number of the current token pair, from 1.
    pub generation: u32,
    /// When the current pair was issued.
    pub issued_at: Timestamp,
    /// When the session ends unless it is refreshed (the current refresh token's expiry).
    pub expires_at: Timestamp,
    /// What the current pair says.
    pub facts: Facts,
}

/// What a token pair says besides ids and times. Stored, so that the same pair can be
/// minted again for a retried refresh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The account, as it was when the pair was issued.
    #[serde(rename = "a")]
    pub account: Account,
    /// Claim `onNetwork`.
    #[serde(rename = "n")]
    pub on_network: bool,
    /// When the user proved who they are (claim `auth_time`).
    #[serde(rename = "t")]
    pub authenticated_at: Timestamp,
}

/// What begins a session.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its name; the number is the caller's random choice.
    pub id: SessionId,
    /// The tenant.
    pub tenant: TenantId,
    /// The authentication service.
    pub service: ServiceName,
    /// The device to register or to find.
    pub device: DeviceRequest,
    /// When the first pair expires for refresh.
    pub expires_at: Timestamp,
    /// What the first pair says; names the account.
    pub facts: Facts,
    /// The one-time credential to claim in the same step.
    pub claim: Option<OneTimeClaim>,
}

/// Which device a session begins on.
#[derive(Debug, Clone)]
pub enum DeviceRequest {
    /// Register a new one, unless the account would then have more than `limit`
    /// devices that are not deleted.
    Register {
        /// The new device, with an id of the caller's random choice.
        device: Device,
        /// The most devices the account may have; `None` is no limit.
        limit: Option<u32>,
    },
    /// The account's existing one.
    Existing(DeviceId),
}

/// A device of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    /// Its id (`client_id`, claim `deviceId`), unique within the tenant.
    pub id: DeviceId,
    /// The account that registered it.
    pub account: AccountId,
    /// Claim `playoutDeviceClass`.
    pub class: Option<String>,
    /// The parts of `deviceInformation` that are kept: a JSON object, at most 4 KiB.
    pub information: String,
    /// Whether it may be used.
    pub state: DeviceState,
    /// When it was registered.
    pub registered_at: Timestamp,
}

/// Whether a device may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceState {
    /// It may.
    Active,
    /// It may not, for now (vendor code 20004).
    Disabled,
    /// It may not, for good, and no longer counts (vendor code 20003).
    Deleted,
}

/// Sessions, with the device rules that must hold in the same step.
#[async_trait]
pub trait SessionStore: Send + Sync + fmt::Debug {
    /// Begins a session: claims the one-time credential, registers or finds the device and
    /// remembers the session, all or nothing.
    ///
    /// # Errors
    /// [`BeginError`]; checked in the order of its variants.
    async fn begin(&self, new: NewSession, now: Timestamp) -> Result<Session, BeginError>;

    /// Refreshes: decides what the presented refresh token is worth.
    ///
    /// * Current generation: the next generation begins at `now` (`Rotated`).
    /// * The one before, no later than `grace` after the current one was issued: the current
    ///   generation again (`Replayed`). It is unused, or it would not be current.
    /// * Anything else: reuse. The session ends, and the call says so.
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

    /// The session, if it is alive.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn session(
        &self,
        tenant: &TenantId,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError>;

    /// Ends a session of this device. `false`: it was not alive. The device stays registered.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn end(
        &self,
        tenant: &TenantId,
        id: SessionId,
        device: &DeviceId,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

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

/// What a verified refresh token says of itself.
#[derive(Debug, Clone)]
pub struct PresentedRefresh {
    /// The tenant it was presented to.
    pub tenant: TenantId,
    /// The session it belongs to.
    pub id: SessionId,
    /// Its generation.
    pub generation: u32,
    /// The account it names; must be the session's.
    pub account: AccountId,
    /// The device it names; must be the session's.
    pub device: DeviceId,
}

/// What the next pair will be, if there is one.
#[derive(Debug, Clone)]
pub struct NextPair {
    /// The authentication service that the call names; must be the session's, or another
    /// service's account directory would be asked.
    pub service: ServiceName,
    /// When it will expire for refresh; capped by the session's end.
    pub expires_at: Timestamp,
    /// The account as it is now; `None` keeps what is stored.
    pub account: Option<Account>,
    /// Claim `onNetwork` as it is now.
    pub on_network: bool,
    /// How long after a rotation the superseded token still gets the same pair.
    pub grace: Duration,
}

/// A refresh that succeeded.
#[derive(Debug, Clone, PartialEq)]
pub enum Refreshed {
    /// The session with its new generation.
    Rotated(Session),
    /// The session unchanged: a retry of the refresh that made the current generation.
    Replayed(Session),
}

/// Devices.
#[async_trait]
pub trait DeviceStore: Send + Sync {
    /// The account's devices, deleted ones included, in order of their ids.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn devices(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Vec<Device>, StoreError>;

    /// Changes a device's state; `false` when the account has no such device.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn set_device_state(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        device: &DeviceId,
        state: DeviceState,
    ) -> Result<bool, StoreError>;
}

/// A one-time session token, by the digest of its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticket {
    /// The tenant it was made for.
    pub tenant: TenantId,
    /// The authentication service it was made for.
    pub service: ServiceName,
    /// The account it signs on.
    pub account: AccountId,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// One-time session tokens. Taking one is part of [`SessionStore::begin`].
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

/// A stored document with the version that a replacement must name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// Its version, from 1.
    pub version: u64,
    /// Its bytes (a sealed key ring).
    pub bytes: Vec<u8>,
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
    /// The account has as many devices as it may have (20007).
    #[error("device limit is reached")]
    DeviceLimit,
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
    /// The session has reached [`LAST_GENERATION`] and has been ended.
    #[error("session has been refreshed too often, session ended")]
    Exhausted,
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
