//! Who the sessions of a crowd belong to: each follows from its number, so that nothing need be
//! remembered to find it again. The products stay below 2^63, so that SQL can compute them too
//! (`postgres.rs`).

use std::time::Duration;

use cambio::account::Account;
use cambio::domain::{AccountId, DeviceId, ServiceName, TenantId, Timestamp};
use cambio::session::{
    Device, DeviceLimits, DeviceRequest, DeviceState, Facts, NewSession, NextPair,
    PresentedRefresh, SessionId,
};

/// As the harness configures them.
pub(crate) const TENANT: &str = "nagra";
pub(crate) const SERVICE: &str = "Customer Auth Service";

const DAY: u64 = 86_400;
/// The tenant's `fixed_ttl`.
pub(crate) const LASTS: u64 = 30 * DAY;
/// The oldest began so long ago: the youngest of them, and of 10 thousand, both live on.
pub(crate) const AGES: u64 = 27 * DAY;
/// A session that is not to expire has been refreshed some time in the last day.
pub(crate) const IDLE: u64 = 2 * DAY;

/// Odd, and no multiple of five: what they multiply is permuted, below powers of two and of ten.
pub(crate) const MIX_NUMBER: u64 = 2_654_435_761;
pub(crate) const MIX_ACCOUNT: u64 = 2_246_822_519;
pub(crate) const MIX_DEVICE: u64 = 3_266_489_917;
pub(crate) const MIX_EXPIRY: u64 = 1_597_334_677;
pub(crate) const ACCOUNTS: u64 = 10_000_000_000;

/// So many sessions, of which some expire soon.
#[derive(Clone, Copy)]
pub(crate) struct Crowd {
    pub(crate) live: u64,
    pub(crate) expiring: u64,
    /// Seconds.
    pub(crate) over: u64,
    pub(crate) from: Timestamp,
    pub(crate) now: Timestamp,
}

impl Crowd {
    /// They began one after the other.
    pub(crate) fn begun_at(&self, n: u64) -> Timestamp {
        self.now.minus(Duration::from_secs(AGES - AGES * n / self.live))
    }

    pub(crate) fn session_id(&self, n: u64) -> SessionId {
        SessionId {
            ends_at: self.begun_at(n).plus(Duration::from_secs(LASTS)),
            number: n * MIX_NUMBER % SessionId::NUMBER_LIMIT,
        }
    }

    /// Those that expire soon are spread over the whole crowd, in no order.
    pub(crate) fn expires_soon(&self, n: u64) -> Option<Timestamp> {
        let at = n * self.expiring / self.live;
        if at == (n + 1) * self.expiring / self.live {
            return None;
        }
        let place = at * MIX_EXPIRY % self.expiring;
        Some(self.from.plus(Duration::from_secs(place * self.over / self.expiring)))
    }

    fn expires_at(&self, n: u64) -> Timestamp {
        let refreshed = DAY + n * MIX_EXPIRY % DAY;
        self.expires_soon(n).unwrap_or_else(|| self.now.plus(Duration::from_secs(refreshed)))
    }

    /// The session as it begins, on a device of its own.
    pub(crate) fn sign_on(&self, n: u64) -> NewSession {
        let account = account(n);
        NewSession {
            id: self.session_id(n),
            tenant: tenant(),
            service: named(SERVICE, ServiceName::parse),
            device: DeviceRequest::Register {
                device: Device {
                    id: device(n),
                    account: account.clone(),
                    name: None,
                    class: Some("TV".to_owned()),
                    information: r#"{"deviceType":"tv","playoutDeviceClass":"TV"}"#.to_owned(),
                    state: DeviceState::Active,
                    registered_at: self.begun_at(n),
                },
                limits: DeviceLimits { all: None, of_class: None },
            },
            expires_at: self.expires_at(n),
            facts: Facts {
                account: Account::new(account.clone(), account.as_str().to_owned()),
                on_network: false,
                authenticated_at: self.begun_at(n),
            },
            claim: None,
            upstream: None,
            limit: None,
        }
    }

    /// Its first refresh, which leaves it as long as it has.
    pub(crate) fn refresh(&self, n: u64) -> (PresentedRefresh, NextPair) {
        let presented = PresentedRefresh {
            tenant: tenant(),
            id: self.session_id(n),
            generation: 1,
            account: account(n),
            device: device(n),
        };
        let next = NextPair {
            service: named(SERVICE, ServiceName::parse),
            expires_at: self.expires_at(n),
            account: None,
            on_network: false,
            grace: Duration::ZERO,
        };
        (presented, next)
    }
}

pub(crate) fn tenant() -> TenantId {
    named(TENANT, TenantId::parse)
}

/// Two sessions have the same.
pub(crate) fn account(n: u64) -> AccountId {
    named(&format!("{:010}", n / 2 * MIX_ACCOUNT % ACCOUNTS), AccountId::parse)
}

/// Each has its own; nineteen digits, as Cambio's.
pub(crate) fn device(n: u64) -> DeviceId {
    named(&format!("PUB_1{:018}", n * MIX_DEVICE), DeviceId::parse)
}

#[expect(clippy::expect_used, reason = "the names above are well formed")]
fn named<T, E: std::fmt::Debug>(name: &str, parse: impl Fn(&str) -> Result<T, E>) -> T {
    parse(name).expect("a well-formed name")
}
