//! `cambio devices`: what an operator does about an account's devices, on the configured store
//! and beside running servers. Enabling is here and nowhere else.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::ids::{account, device, tenant};
use super::store::with_store;
use super::{ConfigArgs, print};
use crate::domain::{AccountId, DeviceId, TenantId};
use crate::session::{Device, DeviceChange, DeviceState};

/// Look at an account's devices and change them
#[derive(Debug, Subcommand)]
pub(super) enum Devices {
    /// Print the account's devices, deleted ones included: one JSON object a line
    List {
        #[command(flatten)]
        of: Of,
    },
    /// Let a disabled device be used again
    Enable {
        #[command(flatten)]
        of: Of,
        /// The device, as `list` prints it.
        #[arg(value_parser = device)]
        device: DeviceId,
    },
    /// Refuse a device until it is enabled; its sessions stay
    Disable {
        #[command(flatten)]
        of: Of,
        /// The device, as `list` prints it.
        #[arg(value_parser = device)]
        device: DeviceId,
    },
    /// Refuse a device for good and end its sessions; it no longer counts
    Delete {
        #[command(flatten)]
        of: Of,
        /// The device, as `list` prints it.
        #[arg(value_parser = device)]
        device: DeviceId,
    },
}

/// Whose devices.
#[derive(Debug, Args)]
pub(super) struct Of {
    #[command(flatten)]
    config: ConfigArgs,
    /// The account's tenant.
    #[arg(long, value_parser = tenant)]
    tenant: TenantId,
    /// The account.
    #[arg(long, value_parser = account)]
    account: AccountId,
}

impl Devices {
    pub(super) fn run(self) -> ExitCode {
        match self {
            Self::List { of } => with_store(&of.config, Some(&of.tenant), async |store| {
                let devices = store.devices(&of.tenant, &of.account).await;
                for device in devices.map_err(|e| e.to_string())? {
                    if !print(&format!("{}\n", as_json(&device))) {
                        break;
                    }
                }
                Ok(())
            }),
            Self::Enable { of, device } => set(&of, &device, DeviceState::Active, "enabled"),
            Self::Disable { of, device } => set(&of, &device, DeviceState::Disabled, "disabled"),
            Self::Delete { of, device } => set(&of, &device, DeviceState::Deleted, "deleted"),
        }
    }
}

fn set(of: &Of, device: &DeviceId, state: DeviceState, done: &str) -> ExitCode {
    with_store(&of.config, Some(&of.tenant), async |store| {
        let change = DeviceChange::State(state);
        let changed = store.change_device(&of.tenant, &of.account, device, change).await;
        if changed.map_err(|e| e.to_string())? {
            print(&format!("{done}\n"));
            Ok(())
        } else {
            Err("the account has no such device, or it is deleted".to_owned())
        }
    })
}

fn as_json(device: &Device) -> String {
    json!({
        "device": device.id,
        "name": device.name,
        "class": device.class,
        "state": device.state,
        "registeredAt": device.registered_at,
    })
    .to_string()
}
