//! AGS `signOut`: the session of an access token ends, its device stays (contract B.6).

use super::tenant::{Ags, Tenant};
use super::{ExchangeCx, ExchangeError};

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
    if ags.store.end(&tenant.id, &access.account, access.id, &access.device, cx.now).await? {
        Ok(())
    } else {
        Err(ExchangeError::Unauthenticated("session is not alive".into()))
    }
}
