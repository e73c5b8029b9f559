//! AGS `refresh`: a refresh token in, the next pair out (contract B.5). What cannot be
//! raced here is decided in one step by the store; see `session::SessionStore::refresh`.

use super::tenant::{Ags, Service, Tenant};
use super::{ExchangeCx, ExchangeError, Forbidden};
use crate::session::{Facts, NextPair, Refreshed, Session};
use crate::token::TokenPair;

/// Refreshes a session.
///
/// 1. Verify the token: signature, type, tenant, expiry.
/// 2. The account must still exist and be active.
/// 3. In one atomic step: rotate, or find that this is a retry of the last rotation, or that
///    a superseded token is being reused, which ends the session.
/// 4. Mint the pair of the generation that the store answered.
///
/// # Errors
/// `Unauthenticated`, `Forbidden`, `Unavailable`.
pub async fn exchange(
    tenant: &Tenant,
    ags: &Ags,
    service: &Service,
    token: &str,
    cx: &ExchangeCx<'_>,
) -> Result<(Session, TokenPair), ExchangeError> {
    let presented = ags.tokens.verify_refresh(token, &tenant.id, cx.now)?;

    let account = service.accounts.current(&tenant.id, &presented.account).await?;
    if let Some(account) = &account {
        Forbidden::unless_active(account.state)?;
        let (on_network, authenticated_at) = (false, cx.now);
        let facts = Facts { account: account.clone(), on_network, authenticated_at };
        ags.tokens.check_claims(&tenant.id, &facts)?;
    }

    let next = NextPair {
        service: service.name.clone(),
        expires_at: cx.now.plus(ags.tokens.lifetimes().refresh).min(presented.id.ends_at),
        account,
        on_network: ags.location.on_network(&cx.client),
        grace: ags.refresh_grace,
    };
    let (Refreshed::Rotated(session) | Refreshed::Replayed(session)) =
        ags.store.refresh(&presented, next, cx.now).await?;

    let pair = ags.tokens.mint_pair(&session, cx.now);
    Ok((session, pair))
}
