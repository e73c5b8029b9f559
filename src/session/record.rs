//! What a session store remembers: sessions, devices, tickets and key rings, as every backend
//! hands them out. Plain values; what may be done with them is in `rules.rs`.

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::domain::{AccountId, DeviceId, ServiceName, TenantId, Timestamp};

/// Names one session (a refresh family) for as long as any token of it can live:
/// its absolute end, which every token carries as `fixed_exp`, and a random number.
/// Ordering by end keeps inserts and expiry at the two ends of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionId {
    /// The absolute end of the sign-on (`fixed_exp`).
    pub ends_at: Timestamp,
    /// A random number below [`SessionId::NUMBER_LIMIT`], unique among the account's
    /// sessions with the same end (a backend may hold it for the whole tenant). A backend stores sessions in this order, so numbers
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
    /// The SSO session it was begun with, where there is one.
    pub upstream: Option<UpstreamSession>,
    /// When it began.
    pub begun_at: Timestamp,
    /// The number of the current token pair, from 1.
    pub generation: u32,
    /// When the current pair was issued.
    pub issued_at: Timestamp,
    /// When the session ends unless it is refreshed (the current refresh token's expiry).
    pub expires_at: Timestamp,
    /// What the current pair says.
    pub facts: Facts,
}

/// Names an SSO session without telling it: a digest of the tenant, the authentication service
/// and the other system's id of the session, or of a credential that can be shown again.
/// Sessions of one account that have it in common take one place of the account's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UpstreamSession(pub [u8; 32]);

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

/// A device of an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Its id (`client_id`, claim `deviceId`), unique within the account.
    pub id: DeviceId,
    /// The account that registered it.
    pub account: AccountId,
    /// What its owner calls it, at most [`Device::MAX_NAME`] bytes; nothing until it is renamed.
    pub name: Option<String>,
    /// Claim `playoutDeviceClass`.
    pub class: Option<String>,
    /// The parts of `deviceInformation` that are kept: a JSON object, at most 4 KiB.
    pub information: String,
    /// Whether it may be used.
    pub state: DeviceState,
    /// When it was registered.
    pub registered_at: Timestamp,
}

impl Device {
    /// The longest name, in bytes.
    pub const MAX_NAME: usize = 128;
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

/// A one-time credential, by the digest of its text: a session token, or a user token that
/// finishes a sign-on.
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
    /// The sign-on that it finishes (a `User-Token`); `None` for a session token. It is many times
    /// what the rest is.
    pub sign_on: Option<Box<PendingSignOn>>,
}

/// A sign-on that waits for its user to choose an account. A backend keeps it as the JSON
/// document that serde makes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingSignOn {
    /// The account that this choice stands for; the ticket's.
    #[serde(rename = "a")]
    pub account: Account,
    /// The device that it is signed on at.
    #[serde(rename = "d")]
    pub device: PendingDevice,
    /// When the user proved who they are.
    #[serde(rename = "t")]
    pub authenticated_at: Timestamp,
    /// The SSO session, where there is one.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<UpstreamSession>,
    /// When that ends; nothing minted outlives it.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub upstream_ends_at: Option<Timestamp>,
}

/// The device of a sign-on that is not finished.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PendingDevice {
    /// One that is to be registered.
    #[serde(rename = "i")]
    New {
        /// `playoutDeviceClass`.
        #[serde(rename = "c")]
        class: Option<String>,
        /// What is kept of its description, as a JSON object.
        #[serde(rename = "j")]
        information: String,
    },
    /// One that is registered.
    #[serde(rename = "x")]
    Existing(DeviceId),
}

/// A stored document with the version that a replacement must name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// Its version, from 1.
    pub version: u64,
    /// Its bytes (a sealed key ring).
    pub bytes: Vec<u8>,
}
