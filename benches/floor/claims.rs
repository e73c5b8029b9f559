//! The claims of the floor's tokens, in the vendors' wire order, as plain structs: the
//! fastest way to serialize them. Filled in by `tokens.rs`; kept apart from Cambio's own
//! profiles, so that the floor stands still when they change.

use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct CookieClaims {
    pub(crate) sub: &'static str,
    pub(crate) user: &'static str,
    pub(crate) iat: i64,
    pub(crate) iss: &'static str,
    pub(crate) aud: &'static str,
    pub(crate) jti: uuid::Uuid,
    pub(crate) exp: i64,
    pub(crate) roles: [&'static str; 1],
}

#[derive(Serialize)]
pub(crate) struct Empty {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionControl {
    pub(crate) max_sessions: u32,
    pub(crate) session_control_enabled: bool,
}

pub(crate) const SESSION_CONTROL: SessionControl =
    SessionControl { max_sessions: 3, session_control_enabled: true };

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessClaims<'a> {
    pub(crate) account_profile_id: &'static str,
    pub(crate) tenant_id: &'static str,
    pub(crate) filtering_information: Empty,
    pub(crate) blocking_information: Empty,
    pub(crate) account_id: &'static str,
    pub(crate) user_id: &'static str,
    pub(crate) ver: &'static str,
    pub(crate) geo_block_exempt: bool,
    pub(crate) parental_control: Option<u32>,
    pub(crate) typ: &'static str,
    pub(crate) jti: &'a str,
    pub(crate) playout_device_class: Option<&'static str>,
    pub(crate) device_id: &'a str,
    pub(crate) exp: i64,
    #[serde(rename = "fixed_exp")]
    pub(crate) fixed_exp: i64,
    pub(crate) on_network: bool,
    pub(crate) session_control: SessionControl,
    pub(crate) billing_country_code: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefreshClaims<'a> {
    pub(crate) ver: &'static str,
    pub(crate) tenant_id: &'static str,
    pub(crate) session_control: SessionControl,
    pub(crate) account_profile_id: &'static str,
    pub(crate) device_id: &'a str,
    #[serde(rename = "fixed_exp")]
    pub(crate) fixed_exp: i64,
    pub(crate) exp: i64,
    pub(crate) account_id: &'static str,
    pub(crate) jti: &'a str,
    pub(crate) user_id: &'static str,
    pub(crate) typ: &'static str,
}
