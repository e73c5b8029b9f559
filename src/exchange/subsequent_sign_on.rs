//! AGS `subsequentSignOn`: the `User-Token` of a chosen account in, tokens out (contract B.4).

use super::begin::{SignOn, begin};
use super::tenant::{Ags, Service, Tenant};
use super::{ExchangeCx, ExchangeError};
use crate::session::Session;
use crate::sso;
use crate::token::TokenPair;

/// Finishes a sign-on.
///
/// 1. Look the token up, without using it up: it says the account and the device.
/// 2. The account must still exist; it is taken as it is now.
/// 3. Begin the session, which uses the token up, and mint its pair: `begin.rs`.
///
/// # Errors
/// `Unauthenticated` when the token is unknown, used, expired or another's; `Forbidden`,
/// `NotFound`, `Unavailable`.
pub async fn exchange(
    tenant: &Tenant,
    ags: &Ags,
    service: &Service,
    user_token: &str,
    cx: &ExchangeCx<'_>,
) -> Result<(Session, TokenPair), ExchangeError> {
    let gone = || ExchangeError::Unauthenticated("user token is unknown, used or expired".into());
    let claim = sso::ticket_digest(user_token);
    let ticket = ags.store.peek_ticket(claim, cx.now).await?.ok_or_else(gone)?;
    if ticket.tenant != tenant.id || ticket.service != service.name {
        return Err(gone());
    }
    let waiting = ticket.sign_on.ok_or_else(gone)?;

    let now = service.accounts.current(&tenant.id, &ticket.account).await?;

    let sign_on = SignOn {
        account: now.unwrap_or(waiting.account),
        device: waiting.device,
        authenticated_at: waiting.authenticated_at,
        upstream: waiting.upstream,
        upstream_ends_at: waiting.upstream_ends_at,
        claim: Some(claim),
    };
    begin(tenant, ags, service, sign_on, cx).await
}
