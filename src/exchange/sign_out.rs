//! AGS `signOut`: the session of an access token ends, its device stays (contract B.6). And
//! `signOutEverywhere`, Cambio's own: all sessions of the token's account end.

use super::tenant::{Ags, Tenant};
use super::{ExchangeCx, ExchangeError, introspect};

/// Ends the session.
///
/// 1. Verify the token: signature, type, tenant, expiry.
/// 2. End its session; one that has already ended is not an error but no session either.
///
/// # Errors
/// `Unauthenticated` when the token or its session is not alive, `Unavailable`.
pub async fn exchange(
    tenant: &Tenant,
    ags: &Ags,
    token: &str,
    cx: &ExchangeCx<'_>,
) -> Result<(), ExchangeError> {
    let access = ags.tokens.verify_access(token, &tenant.id, cx.now)?;
    let end = ags.store.end(&tenant.id, &access.account, access.id, &access.device, cx.now);
    if end.await? {
        Ok(())
    } else {
        Err(ExchangeError::Unauthenticated("session is not alive".into()))
    }
}

/// Ends all sessions of the token's account, its own included, and answers how many.
///
/// 1. Verify the token, and that its session is alive: what has signed out commands nothing.
/// 2. End them in one step. A sign-on that comes after it is not touched.
///
/// # Errors
/// `Unauthenticated` when the token or its session is not alive, `Unavailable`.
pub async fn everywhere(
    tenant: &Tenant,
    ags: &Ags,
    token: &str,
    cx: &ExchangeCx<'_>,
) -> Result<u32, ExchangeError> {
    let session = introspect::session(tenant, ags, token, cx).await?;
    let account = &session.facts.account.id;
    let ended = ags.store.end_all(&tenant.id, account, cx.now).await?;
    tracing::info!(
        target: "cambio::audit",
        { tenant.id = %tenant.id, account.id = %account, sessions = ended },
        "signed out everywhere"
    );
    Ok(ended)
}
