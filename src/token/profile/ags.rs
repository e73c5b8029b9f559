//! The claims of the AGS access and refresh tokens, in the vendor's wire order. `typ` is
//! all that tells the two apart, so reading always checks it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::super::TokenError;
use super::super::numeric::NumericDate;
use super::super::presented::PairId;
use super::TokenType;
use crate::account::Account;
use crate::domain::{Attributes, DeviceId, TenantId, Timestamp};

const VERSION: &str = "1.0";
const ACCESS: &str = "DevAuthN";
const REFRESH: &str = "RefreshAuthN";
/// Claim `billingCountryCode` when the country is unknown.
const NO_COUNTRY: &str = "EmptyCountry";

/// What both tokens of a pair are minted from.
#[derive(Debug)]
pub(in super::super) struct Pair<'a> {
    pub(in super::super) tenant: &'a TenantId,
    pub(in super::super) account: &'a Account,
    pub(in super::super) device: &'a DeviceId,
    pub(in super::super) device_class: Option<&'a str>,
    pub(in super::super) on_network: bool,
    pub(in super::super) jti: PairId,
    pub(in super::super) session_control: SessionControl,
    /// The absolute end of the sign-on.
    pub(in super::super) fixed_exp: Timestamp,
}

/// Claim `sessionControl`: concurrent streams, enforced downstream.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct SessionControl {
    pub(in super::super) max_sessions: u32,
    pub(in super::super) session_control_enabled: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Access<'a> {
    account_profile_id: &'a str,
    tenant_id: &'a TenantId,
    filtering_information: &'a Attributes,
    blocking_information: &'a Attributes,
    account_id: &'a str,
    user_id: &'a str,
    ver: &'a str,
    geo_block_exempt: bool,
    parental_control: Option<&'a serde_json::Value>,
    typ: &'a str,
    jti: PairId,
    playout_device_class: Option<&'a str>,
    device_id: &'a DeviceId,
    exp: Timestamp,
    #[serde(rename = "fixed_exp")]
    fixed_exp: Timestamp,
    on_network: bool,
    session_control: SessionControl,
    billing_country_code: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Refresh<'a> {
    ver: &'a str,
    tenant_id: &'a TenantId,
    session_control: SessionControl,
    account_profile_id: &'a str,
    device_id: &'a DeviceId,
    #[serde(rename = "fixed_exp")]
    fixed_exp: Timestamp,
    exp: Timestamp,
    account_id: &'a str,
    jti: PairId,
    user_id: &'a str,
    typ: &'a str,
}

impl Pair<'_> {
    /// The access token's claims.
    pub(in super::super) fn access(&self, exp: Timestamp) -> Vec<u8> {
        let account = self.account;
        super::json(&Access {
            account_profile_id: &account.profile_id,
            tenant_id: self.tenant,
            filtering_information: &account.filtering,
            blocking_information: &account.blocking,
            account_id: account.id.as_str(),
            user_id: &account.user_id,
            ver: VERSION,
            geo_block_exempt: account.geo_block_exempt,
            parental_control: account.parental_control.as_ref(),
            typ: ACCESS,
            jti: self.jti,
            playout_device_class: self.device_class,
            device_id: self.device,
            exp,
            fixed_exp: self.fixed_exp,
            on_network: self.on_network,
            session_control: self.session_control,
            billing_country_code: account.billing_country.as_deref().unwrap_or(NO_COUNTRY),
        })
    }

    /// The refresh token's claims.
    pub(in super::super) fn refresh(&self, exp: Timestamp) -> Vec<u8> {
        super::json(&Refresh {
            ver: VERSION,
            tenant_id: self.tenant,
            session_control: self.session_control,
            account_profile_id: &self.account.profile_id,
            device_id: self.device,
            fixed_exp: self.fixed_exp,
            exp,
            account_id: self.account.id.as_str(),
            jti: self.jti,
            user_id: &self.account.user_id,
            typ: REFRESH,
        })
    }
}

/// What is read back of either token.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Presented<'a> {
    #[serde(borrow)]
    pub(in super::super) tenant_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(in super::super) account_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(in super::super) device_id: Cow<'a, str>,
    #[serde(borrow)]
    jti: Cow<'a, str>,
    #[serde(borrow)]
    typ: Cow<'a, str>,
    pub(in super::super) exp: NumericDate,
    #[serde(rename = "fixed_exp")]
    pub(in super::super) fixed_exp: NumericDate,
}

impl<'a> Presented<'a> {
    /// Reads the claims of a token that must be of this type.
    pub(in super::super) fn read(claims: &'a [u8], kind: TokenType) -> Result<Self, TokenError> {
        let presented: Self = super::read(claims)?;
        let typ = match kind {
            TokenType::Access => ACCESS,
            TokenType::Refresh => REFRESH,
        };
        if presented.typ == typ { Ok(presented) } else { Err(TokenError::WrongType) }
    }

    /// The pair's session number and generation.
    pub(in super::super) fn pair(&self) -> Result<PairId, TokenError> {
        PairId::parse(&self.jti).ok_or(TokenError::Claims("jti names no session"))
    }
}
