//! Whose an access token is *now*: verified like everywhere, and its session asked after, so
//! that what has been signed out, evicted or deleted stops at once and not when it expires.

use super::tenant::{Ags, Tenant};
use super::{ExchangeCx, ExchangeError, Forbidden};
use crate::session::{DeviceState, Session};

/// The live session of an access token, on a device that may be used.
///
/// # Errors
/// `Unauthenticated` when the token or its session is not alive, `Forbidden` when the device may
/// not be used, `Unavailable`.
pub(super) async fn session(
    tenant: &Tenant,
    ags: &Ags,
    token: &str,
    cx: &ExchangeCx<'_>,
) -> Result<Session, ExchangeError> {
    let access = ags.tokens.verify_access(token, &tenant.id, cx.now)?;
    let found = ags.store.session(&tenant.id, &access.account, access.id, cx.now).await?;
    let session = found.filter(|session| session.device == access.device);
    let session =
        session.ok_or_else(|| ExchangeError::Unauthenticated("session is not alive".into()))?;
    let devices = ags.store.devices(&tenant.id, &access.account).await?;
    match devices.iter().find(|device| device.id == session.device).map(|device| device.state) {
        Some(DeviceState::Active) => Ok(session),
        Some(DeviceState::Disabled) => Err(Forbidden::DeviceDisabled.into()),
        None | Some(DeviceState::Deleted) => Err(Forbidden::DeviceDeleted.into()),
    }
}
