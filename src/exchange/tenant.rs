//! A tenant as the stories see it: every name resolved to the part it stands for, at
//! boot, so that nothing on the request path can dangle. Only `app` makes these.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use indexmap::IndexMap;

use super::{DevicePolicy, LocationSettings, SessionPolicy};
use crate::account::AccountDirectory;
use crate::domain::{Random, ServiceName, TenantId};
use crate::session::{SessionId, Store};
use crate::sso::operator::OperatorKeys;
use crate::sso::{SsoValidator, TicketSource};
use crate::token::{SessionTokens, SiteTokens};

pub use super::endpoint::{DisplayAttributes, Endpoint, ParameterProperties, SignOnForm};

/// A tenant.
#[derive(Debug)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its authentication services, by name, in the order of the configuration.
    pub services: IndexMap<ServiceName, Service>,
    /// How it speaks AnswerHub, if it does.
    pub answerhub: Option<AnswerHub>,
    /// How it speaks AGS, if it does.
    pub ags: Option<Ags>,
    /// Its public keys (RFC 7517), ready to send.
    pub jwks: Arc<str>,
}

/// An authentication service: who decides, and which accounts it leads to.
#[derive(Debug)]
pub struct Service {
    /// Its name (`authServiceName`).
    pub name: ServiceName,
    /// Who decides whose a credential is.
    pub validator: Arc<dyn SsoValidator>,
    /// Which accounts there are; AGS only.
    pub accounts: Arc<dyn AccountDirectory>,
    /// The cookie (and header) that carries its credential on the AnswerHub routes.
    pub cookie: String,
    /// What discovery says of it.
    pub display: DisplayAttributes,
    /// Its AGS calls: what discovery says, and what requests are held to.
    pub endpoints: Vec<Endpoint>,
    /// Where `signOn` finds the credential, if the service offers the call.
    pub sign_on: Option<SignOnForm>,
}

impl Service {
    /// The call at `path`, if the service offers it.
    #[must_use]
    pub fn endpoint(&self, path: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|e| e.path == path)
    }
}

/// How a tenant speaks AnswerHub.
#[derive(Debug)]
pub struct AnswerHub {
    /// The service that a call without `x-auth-service-id` means.
    pub cookie_service: ServiceName,
    /// The service that `Authorization: Basic` means.
    pub password_service: Option<ServiceName>,
    /// The role that `user.json` demands.
    pub required_role: String,
    /// Its tokens.
    pub tokens: SiteTokens,
}

/// How a tenant speaks AGS.
#[derive(Debug)]
pub struct Ags {
    /// Where its sessions are.
    pub store: Arc<dyn Store>,
    /// Its tokens.
    pub tokens: SessionTokens,
    /// The head-end's shared secrets.
    pub operator: Option<OperatorKeys>,
    /// Where sign-ons may come from.
    pub location: LocationSettings,
    /// How long a session token is good.
    pub ticket_ttl: Duration,
    /// How long after a rotation the superseded refresh token still gets the same pair.
    pub refresh_grace: Duration,
    /// How long a `User-Token` is good.
    pub user_token_ttl: Duration,
    /// How many sessions an account may have.
    pub sessions: SessionPolicy,
    /// How many devices an account may have.
    pub devices: DevicePolicy,
    /// What device ids begin with: `PUB_`.
    pub device_id_prefix: String,
    /// Numbers its sessions.
    pub numbers: SessionNumbers,
    /// Makes its session tokens.
    pub tickets: TicketSource,
}

/// Makes session numbers: 20 bits that count up and 23 that are random. Random keeps nodes
/// apart; counting keeps the sessions of one second next to each other in a store's index,
/// which is most of what a sign-on costs there.
#[derive(Debug, Default)]
pub struct SessionNumbers(AtomicU32);

impl SessionNumbers {
    /// A number below [`SessionId::NUMBER_LIMIT`].
    pub fn next(&self, random: &dyn Random) -> u64 {
        let counted = u64::from(self.0.fetch_add(1, Ordering::Relaxed)) << 23;
        (counted | random.u64() >> 41) % SessionId::NUMBER_LIMIT
    }
}
