//! AGS `signOnWithSessionToken`: a session token in, an access and a refresh token out
//! (contract B.3).

use super::begin::{SignOn, begin};
use super::tenant::{Ags, Service, Tenant};
use super::{DeviceInput, ExchangeCx, ExchangeError};
use crate::domain::Credential;
use crate::session::{Session, UpstreamSession};
use crate::sso;
use crate::token::TokenPair;

/// Signs a device on.
///
/// 1. Ask the service's validator whose the session token is, without using it up.
/// 2. Find the account.
/// 3. Begin the session, and mint its pair: `begin.rs`.
///
/// # Errors
/// `Unauthenticated`, `Forbidden`, `NotFound`, `Unavailable`, `BadUpstream`.
pub async fn exchange(
    tenant: &Tenant,
    ags: &Ags,
    service: &Service,
    credential: &Credential,
    device: DeviceInput,
    cx: &ExchangeCx<'_>,
) -> Result<(Session, TokenPair), ExchangeError> {
    let validate_cx = cx.validate(&tenant.id, &service.name);
    let verdict = service.validator.validate(credential, &validate_cx).await;
    let who = verdict.map_err(ExchangeError::proves_nobody)?;

    let account = service.accounts.resolve(&tenant.id, &who).await?;

    let upstream = sso::session_digest(&who, credential, &validate_cx).map(UpstreamSession);
    let sign_on = SignOn::of(&who, account, device, upstream, cx);
    begin(tenant, ags, service, sign_on, cx).await
}
