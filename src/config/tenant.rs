//! `[tenants.<id>]`: who is served, which APIs they speak and which parts stand behind
//! their authentication services. Names are references into other sections.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::ServiceName;
use crate::domain::setting::HumanDuration;
use crate::exchange::tenant::{DisplayAttributes, Endpoint};
use crate::exchange::{LocationSettings, SessionPolicy};
use crate::sso::operator::OperatorKeysSettings;
use crate::token::TokenSettings;

/// A tenant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantSettings {
    /// Host names that mean this tenant on the AnswerHub routes.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Its authentication services.
    #[serde(default)]
    pub services: Vec<ServiceSettings>,
    /// How it speaks AnswerHub, if it does.
    #[serde(default)]
    pub answerhub: Option<AnswerHubSettings>,
    /// How it speaks AGS, if it does.
    #[serde(default)]
    pub ags: Option<AgsSettings>,
}

/// An authentication service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceSettings {
    /// Its name: `x-auth-service-id`, `authServiceName` in discovery.
    pub name: ServiceName,
    /// Who decides whose a credential is: a name under `[validators]`.
    pub validator: String,
    /// Which accounts there are: a name under `[accounts]`; the validator's word if absent.
    #[serde(default)]
    pub accounts: Option<String>,
    /// The cookie that carries the credential on the AnswerHub routes.
    #[serde(default = "default_cookie")]
    pub cookie: String,
    /// What discovery shows of it.
    #[serde(default)]
    pub display: DisplayAttributes,
    /// Its AGS calls and their parameters; the session-token flow if absent and the tenant
    /// speaks AGS.
    #[serde(default)]
    pub endpoints: Option<Vec<Endpoint>>,
}

/// `[tenants.<id>.answerhub]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerHubSettings {
    /// The service of calls without `x-auth-service-id`.
    pub cookie_service: ServiceName,
    /// The service of `Authorization: Basic`.
    #[serde(default)]
    pub password_service: Option<ServiceName>,
    /// The role that `user.json` demands.
    #[serde(default = "default_role")]
    pub required_role: String,
    /// Its tokens.
    #[serde(default)]
    pub tokens: TokenSettings,
}

/// `[tenants.<id>.ags]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgsSettings {
    /// The head-end's shared secrets, by `kid`; without them `getSessionToken` is refused.
    #[serde(default)]
    pub operator: Option<OperatorKeysSettings>,
    /// Where sign-ons may come from.
    #[serde(default)]
    pub location: LocationSettings,
    /// How long a session token is good.
    #[serde(default = "default_ticket_ttl")]
    pub ticket_ttl: HumanDuration,
    /// How long after a rotation the superseded refresh token still gets the same pair.
    #[serde(default = "default_grace")]
    pub refresh_grace: HumanDuration,
    /// Devices an account may register, unless the account says otherwise; no limit if absent.
    #[serde(default)]
    pub max_devices: Option<u32>,
    /// The same of a device class (`playoutDeviceClass`).
    #[serde(default)]
    pub max_devices_by_class: BTreeMap<String, u32>,
    /// The same of each class that is not listed there; devices without a class are one.
    #[serde(default)]
    pub max_devices_of_other_classes: Option<u32>,
    /// How many sessions an account may have.
    #[serde(default)]
    pub sessions: SessionPolicy,
    /// How long the `User-Token` of a sign-on with several accounts is good.
    #[serde(default = "default_ticket_ttl")]
    pub user_token_ttl: HumanDuration,
    /// What device ids begin with.
    #[serde(default = "default_prefix")]
    pub device_id_prefix: String,
    /// Its tokens.
    #[serde(default)]
    pub tokens: TokenSettings,
}

fn default_cookie() -> String {
    "AnswerHubCookieSSO".to_owned()
}

fn default_role() -> String {
    "USE_API".to_owned()
}

fn default_ticket_ttl() -> HumanDuration {
    HumanDuration::secs(300)
}

fn default_grace() -> HumanDuration {
    HumanDuration::secs(30)
}

fn default_prefix() -> String {
    "PUB_".to_owned()
}
