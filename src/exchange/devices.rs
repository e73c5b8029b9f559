//! An account's devices, for whoever is signed on to it: listed, renamed, disabled, deleted.
//! Cambio's own calls; the vendor's documents have none. A disabled device is enabled by the
//! operator only, or a stolen one could undo it.

use super::tenant::{Ags, Tenant};
use super::{ExchangeCx, ExchangeError, introspect};
use crate::domain::DeviceId;
use crate::session::{Device, DeviceChange, DeviceState, Session};

/// The account's devices that are not deleted, in order of their ids, and the caller's session.
///
/// # Errors
/// `Unauthenticated` when the token or its session is not alive, `Forbidden` when its device may
/// not be used, `Unavailable`.
pub async fn list(
    tenant: &Tenant,
    ags: &Ags,
    token: &str,
    cx: &ExchangeCx<'_>,
) -> Result<(Session, Vec<Device>), ExchangeError> {
    let session = introspect::session(tenant, ags, token, cx).await?;
    let mut devices = ags.store.devices(&tenant.id, &session.facts.account.id).await?;
    devices.retain(|device| device.state != DeviceState::Deleted);
    Ok((session, devices))
}

/// What a user may do to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserChange {
    /// Its name, or that it has none.
    Rename(Option<String>),
    /// It may not be used until the operator enables it.
    Disable,
    /// It may not be used ever again, and no longer counts; its sessions end.
    Delete,
}

/// Changes a device of the caller's account, the caller's own included.
///
/// 1. Verify the token, and that its session is alive.
/// 2. Change the device; one that is deleted already, or another account's, does not exist.
///
/// # Errors
/// `NotFound` when the account has no such device, and as [`list`].
pub async fn change(
    tenant: &Tenant,
    ags: &Ags,
    token: &str,
    device: &DeviceId,
    change: UserChange,
    cx: &ExchangeCx<'_>,
) -> Result<(Session, Option<Device>), ExchangeError> {
    let session = introspect::session(tenant, ags, token, cx).await?;
    let account = &session.facts.account.id;
    let devices = ags.store.devices(&tenant.id, account).await?;
    let old = devices.into_iter().find(|d| d.id == *device);
    let old = old.ok_or(ExchangeError::NotFound("device"))?;
    if old.state == DeviceState::Deleted {
        if change == UserChange::Delete {
            // A store may have told who deleted it that nobody knows: it must be so before it is said.
            let deleted = DeviceChange::State(DeviceState::Deleted);
            ags.store.change_device(&tenant.id, account, device, deleted).await?;
        }
        return Err(ExchangeError::NotFound("device"));
    }
    let (what, change) = match change {
        UserChange::Rename(name) => ("device renamed", DeviceChange::Name(name)),
        UserChange::Disable => ("device disabled", DeviceChange::State(DeviceState::Disabled)),
        UserChange::Delete => ("device deleted", DeviceChange::State(DeviceState::Deleted)),
    };
    if !ags.store.change_device(&tenant.id, account, device, change.clone()).await? {
        return Err(ExchangeError::NotFound("device"));
    }
    tracing::info!(
        target: "cambio::audit",
        { tenant.id = %tenant.id, account.id = %account, device.id = %device },
        "{what}"
    );
    let changed = match change {
        DeviceChange::Name(name) => Some(Device { name, ..old }),
        DeviceChange::State(DeviceState::Deleted) => None,
        DeviceChange::State(state) => Some(Device { state, ..old }),
    };
    Ok((session, changed))
}
