//! AGS `getSessionToken`: the head-end's operator token in, a one-time session token out
//! (contract B.2).

use super::tenant::{Ags, Service, Tenant};
use super::{ExchangeCx, ExchangeError, Forbidden};
use crate::domain::SecretString;
use crate::session::Ticket;
use crate::sso;

/// Makes a session token for the account that the operator names.
///
/// 1. Verify the operator's token: which shared secret, type, audience, expiry.
/// 2. It must speak for this tenant.
/// 3. The account must exist and be active.
/// 4. Remember the digest of a fresh random token, bound to tenant, service and account.
///
/// # Errors
/// `Unauthenticated`, `Forbidden`, `NotFound`, `Unavailable`.
pub async fn exchange(
    tenant: &Tenant,
    ags: &Ags,
    service: &Service,
    operator_token: &str,
    cx: &ExchangeCx<'_>,
) -> Result<SecretString, ExchangeError> {
    let keys = ags.operator.as_ref();
    let keys = keys.ok_or_else(|| ExchangeError::Unauthenticated("no operator keys".into()))?;
    let operator = keys.verify(operator_token, cx.now).map_err(ExchangeError::proves_nobody)?;
    if operator.tenant != tenant.id.as_str() {
        return Err(Forbidden::OperatorTenant.into());
    }
    let account = service.accounts.by_id(&tenant.id, &operator.account).await?;
    Forbidden::unless_active(account.state)?;

    let token = ags.tickets.next(cx.random);
    let ticket = Ticket {
        tenant: tenant.id.clone(),
        service: service.name.clone(),
        account: account.id,
        expires_at: cx.now.plus(ags.ticket_ttl),
        sign_on: None,
    };
    ags.store.put_ticket(sso::ticket_digest(token.expose()), ticket).await?;
    Ok(token)
}
