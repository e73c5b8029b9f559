//! Verifying tokens that Cambio minted, without any look-up: the other half of the API in
//! `mint.rs`. Every check fails closed; which one failed is for the log, a client sees one
//! answer for all. What the session store knows (revocation, generations) is not asked here.

use super::jws::KeySet;
use super::profile::{TokenType, ags, answerhub, standard};
use super::{Profile, SessionTokens, SiteTokens, TokenError};
use crate::domain::{AccountId, DeviceId, Subject, TenantId, Timestamp};
use crate::session::{PresentedRefresh, SessionId};

/// What a verified token of the AnswerHub endpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteClaims {
    /// The user's name.
    pub subject: Subject,
    /// The user's stable id.
    pub user_id: String,
    /// The user's roles; none in a token that a vendor's own server minted.
    pub roles: Vec<String>,
    /// When the token expires.
    pub expires_at: Timestamp,
}

/// What a verified access token of the AGS endpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessClaims {
    /// Its session.
    pub id: SessionId,
    /// Its generation.
    pub generation: u32,
    /// The account.
    pub account: AccountId,
    /// The device.
    pub device: DeviceId,
    /// When the token expires.
    pub expires_at: Timestamp,
}

impl SiteTokens {
    /// Verifies a token of this endpoint.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<SiteClaims, TokenError> {
        let payload = self.keys.verify(token)?;
        if self.profile == Profile::Answerhub {
            let claims = answerhub::Presented::read(&payload)?;
            self.check_parties(&claims.iss, &claims.aud)?;
            let expires_at = unexpired(claims.exp.0, now)?;
            let (subject, user_id) = (subject(&claims.sub)?, claims.user_id()?);
            return Ok(SiteClaims { subject, user_id, roles: claims.roles, expires_at });
        }
        let claims = standard::PresentedSite::read(&payload)?;
        if claims.tid != self.tenant.as_str() {
            return Err(TokenError::WrongTenant);
        }
        self.check_parties(&claims.iss, &claims.aud)?;
        let expires_at = unexpired(claims.exp.0, now)?;
        let (subject, user_id) = (subject(&claims.sub)?, claims.uid);
        Ok(SiteClaims { subject, user_id, roles: claims.roles, expires_at })
    }

    fn check_parties(&self, iss: &str, aud: &str) -> Result<(), TokenError> {
        check_parties((iss, aud), (&self.issuer, &self.audience))
    }
}

impl SessionTokens {
    /// Verifies an access token that was presented to `tenant`.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify_access(
        &self,
        token: &str,
        tenant: &TenantId,
        now: Timestamp,
    ) -> Result<AccessClaims, TokenError> {
        self.verify(token, TokenType::Access, tenant, now)
    }

    /// Verifies a refresh token that was presented to `tenant`.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify_refresh(
        &self,
        token: &str,
        tenant: &TenantId,
        now: Timestamp,
    ) -> Result<PresentedRefresh, TokenError> {
        let AccessClaims { id, generation, account, device, expires_at: _ } =
            self.verify(token, TokenType::Refresh, tenant, now)?;
        Ok(PresentedRefresh { tenant: tenant.clone(), id, generation, account, device })
    }

    fn verify(
        &self,
        token: &str,
        kind: TokenType,
        tenant: &TenantId,
        now: Timestamp,
    ) -> Result<AccessClaims, TokenError> {
        let (keys, others) = match kind {
            TokenType::Access => (&self.access, &self.refresh),
            TokenType::Refresh => (&self.refresh, &self.access),
        };
        let payload = keys.verify(token).map_err(|e| wrong_type(e, token, others))?;
        let claims = match self.profile {
            Profile::Standard => self.read_standard(&payload, kind, tenant)?,
            Profile::Ags | Profile::Answerhub => read_ags(&payload, kind, tenant)?,
        };
        unexpired(claims.expires_at.min(claims.id.ends_at), now)?;
        Ok(claims)
    }

    fn read_standard(
        &self,
        payload: &[u8],
        kind: TokenType,
        tenant: &TenantId,
    ) -> Result<AccessClaims, TokenError> {
        let claims = standard::PresentedSession::read(payload)?;
        let refresh = kind == TokenType::Refresh;
        let (id, generation) = claims.session(refresh)?;
        if claims.tid != tenant.as_str() {
            return Err(TokenError::WrongTenant);
        }
        let audience = if refresh { &self.issuer } else { &self.audience };
        check_parties((&claims.iss, &claims.aud), (&self.issuer, audience))?;
        let (account, device) = (account(&claims.acc)?, device(&claims.client_id)?);
        Ok(AccessClaims { id, generation, account, device, expires_at: claims.exp.0 })
    }
}

fn read_ags(
    payload: &[u8],
    kind: TokenType,
    tenant: &TenantId,
) -> Result<AccessClaims, TokenError> {
    let claims = ags::Presented::read(payload, kind)?;
    let pair = claims.pair()?;
    if claims.tenant_id != tenant.as_str() {
        return Err(TokenError::WrongTenant);
    }
    let id = SessionId { ends_at: claims.fixed_exp.0, number: pair.number };
    let (account, device) = (account(&claims.account_id)?, device(&claims.device_id)?);
    let (generation, expires_at) = (pair.generation, claims.exp.0);
    Ok(AccessClaims { id, generation, account, device, expires_at })
}

/// A header that the other type's keys write says more than an unknown one.
fn wrong_type(error: TokenError, token: &str, others: &KeySet) -> TokenError {
    let other = error == TokenError::UnknownKey && others.knows_header(token);
    if other { TokenError::WrongType } else { error }
}

/// Expired is `exp <= now`; there is no leeway, for the clock that wrote `exp` is Cambio's.
fn unexpired(exp: Timestamp, now: Timestamp) -> Result<Timestamp, TokenError> {
    if exp <= now { Err(TokenError::Expired) } else { Ok(exp) }
}

fn check_parties(found: (&str, &str), ours: (&str, &str)) -> Result<(), TokenError> {
    if found.0 != ours.0 {
        return Err(TokenError::Claims("another issuer"));
    }
    if found.1 != ours.1 {
        return Err(TokenError::Claims("another audience"));
    }
    Ok(())
}

fn subject(text: &str) -> Result<Subject, TokenError> {
    Subject::parse(text).map_err(|_| TokenError::Claims("sub is no subject"))
}

fn account(text: &str) -> Result<AccountId, TokenError> {
    AccountId::parse(text).map_err(|_| TokenError::Claims("account is no account id"))
}

fn device(text: &str) -> Result<DeviceId, TokenError> {
    DeviceId::parse(text).map_err(|_| TokenError::Claims("device is no device id"))
}
