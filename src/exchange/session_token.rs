//! AGS `signOnWithSessionToken`: a session token in, an access and a refresh token out
//! (contract B.3).

use super::begin::{self, SignOn, begin};
use super::tenant::{Ags, Service, Tenant};
use super::{DeviceInput, ExchangeCx, ExchangeError, note_account, note_verdict};
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
    let sign_on = sign_on(tenant, service, credential, device, cx).await?;
    begin(tenant, ags, service, sign_on, cx).await
}

/// The pair that a sign-on on a new device would get, for `explain`: nothing is used up, begun or
/// registered. The location, which nobody has here, and the limits are not looked at.
///
/// # Errors
/// As [`exchange`].
pub async fn rehearse(
    tenant: &Tenant,
    ags: &Ags,
    service: &Service,
    credential: &Credential,
    cx: &ExchangeCx<'_>,
) -> Result<TokenPair, ExchangeError> {
    let device = DeviceInput::New { class: None, information: "{}".to_owned() };
    let sign_on = sign_on(tenant, service, credential, device, cx).await?;
    begin::rehearse(tenant, ags, service, sign_on, cx)
}

/// The first two steps: who it is, and which account.
async fn sign_on(
    tenant: &Tenant,
    service: &Service,
    credential: &Credential,
    device: DeviceInput,
    cx: &ExchangeCx<'_>,
) -> Result<SignOn, ExchangeError> {
    let validate_cx = cx.validate(&tenant.id, &service.name);
    let verdict = service.validator.validate(credential, &validate_cx).await;
    note_verdict(&*service.validator, &verdict);
    let who = verdict.map_err(ExchangeError::proves_nobody)?;

    let account = service.accounts.resolve(&tenant.id, &who).await;
    note_account(&*service.accounts, &account);
    let upstream = sso::session_digest(&who, credential, &validate_cx).map(UpstreamSession);
    Ok(SignOn::of(&who, account?, device, upstream, cx))
}
