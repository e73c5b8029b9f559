//! What the session store is asked and what it answers, besides the records themselves.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

use super::{Device, DeviceState, Facts, Session, SessionId, StoreError, UpstreamSession};
use crate::account::Account;
use crate::domain::identity::OneTimeClaim;
use crate::domain::{AccountId, DeviceId, ServiceName, TenantId, Timestamp};

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
    /// The SSO session it begins with.
    pub upstream: Option<UpstreamSession>,
    /// How many sessions the account may have; `None` is no limit, and costs no look at them.
    pub limit: Option<SessionLimit>,
}

/// How many sessions an account may have at a time.
///
/// Sessions that were begun with one SSO session take one place together. What is counted are
/// places of sessions that are alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimit {
    /// The most places.
    pub max: NonZeroU32,
    /// What becomes of a sign-on that would need one more.
    pub when_full: WhenFull,
}

/// The most sessions that share a place. One more ends the one of them that was idle longest, so
/// that a client that signs on again and again with one SSO session is bounded, too.
pub const SESSIONS_A_PLACE: usize = 16;

/// What becomes of a sign-on when its account has as many sessions as it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// It is refused ([`BeginError::SessionLimit`](super::BeginError::SessionLimit)).
    #[default]
    Deny,
    /// The place that was taken first is made free: its sessions are evicted.
    EvictOldest,
    /// The place that was idle longest, by its last sign-on or refresh, is made free.
    EvictIdle,
}

/// A session that has begun.
#[derive(Debug, Clone, PartialEq)]
pub struct Begun {
    /// It.
    pub session: Session,
    /// The account's sessions that were ended to make room for it, in order of their ids.
    pub evicted: Vec<SessionId>,
}

/// Which device a session begins on.
#[derive(Debug, Clone)]
pub enum DeviceRequest {
    /// Register a new one within limits.
    Register {
        /// The new device, with an id of the caller's random choice.
        device: Device,
        /// How many the account may then have.
        limits: DeviceLimits,
    },
    /// The account's existing one.
    Existing(DeviceId),
}

/// How many devices that are not deleted an account may have; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeviceLimits {
    /// In all.
    pub all: Option<u32>,
    /// Of the new device's class; devices without a class are a class of their own.
    pub of_class: Option<u32>,
}

impl DeviceLimits {
    /// Whether there is any.
    pub(super) fn are_set(&self) -> bool {
        self.all.is_some() || self.of_class.is_some()
    }
}

/// What becomes of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceChange {
    /// Its name, or that it has none.
    Name(Option<String>),
    /// Its state. With [`DeviceState::Deleted`] its sessions end in the same step.
    State(DeviceState),
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

/// A piece of all sessions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// Live sessions, in an order of the backend's own.
    pub sessions: Vec<Session>,
    /// Where the next piece begins; `None` after the last.
    pub next: Option<PageStart>,
}

/// A place among all sessions, in words of the backend's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageStart(pub String);

impl PageStart {
    /// The place behind a session, for a backend that orders all sessions as [`SessionId`] does.
    pub(super) fn behind(id: SessionId, tenant: &TenantId) -> Self {
        Self(format!("{}.{}.{tenant}", id.ends_at.secs(), id.number))
    }

    /// The session that the place is behind.
    ///
    /// # Errors
    /// [`StoreError`] unless [`PageStart::behind`] made it.
    pub(super) fn session(&self) -> Result<(SessionId, TenantId), StoreError> {
        let parse = || {
            let mut parts = self.0.splitn(3, '.');
            let ends_at = Timestamp::from_secs(parts.next()?.parse().ok()?);
            let number = parts.next()?.parse().ok()?;
            let tenant = TenantId::parse(parts.next()?).ok()?;
            Some((SessionId { ends_at, number }, tenant))
        };
        parse().ok_or_else(|| StoreError("page begins nowhere".to_owned()))
    }
}
