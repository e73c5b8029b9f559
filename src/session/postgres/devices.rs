//! Devices in PostgreSQL. Registering one is part of `begin.rs`.

use async_trait::async_trait;
use futures_util::future::{join, join3};
use tokio_postgres::types::Type;

use super::call::{BEGIN, On, Operation};
use super::error::Error;
use super::row::Param;
use super::{PostgresStore, row};
use crate::domain::{AccountId, DeviceId, TenantId};
use crate::session::{Device, DeviceChange, DeviceState, DeviceStore, StoreError};

#[async_trait]
impl DeviceStore for PostgresStore {
    async fn devices(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Vec<Device>, StoreError> {
        self.call(List { tenant: tenant.clone(), account: account.clone() }).await
    }

    async fn change_device(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        device: &DeviceId,
        change: DeviceChange,
    ) -> Result<bool, StoreError> {
        let (tenant, account, device) = (tenant.clone(), account.clone(), device.clone());
        match change {
            DeviceChange::Name(name) => self.call(Rename { tenant, account, device, name }).await,
            DeviceChange::State(to) => self.call(Set { tenant, account, device, to }).await,
        }
    }
}

struct List {
    tenant: TenantId,
    account: AccountId,
}

impl Operation for List {
    type Answer = Vec<Device>;

    async fn run(&self, on: On<'_>) -> Result<Vec<Device>, Error> {
        let (tenant, account) = (self.tenant.as_str(), self.account.as_str());
        let params: [Param<'_>; 2] = [(&tenant, Type::TEXT), (&account, Type::TEXT)];
        let rows = on.client.query_typed(&on.sql.list_devices, &params).await?;
        rows.iter().map(row::device).collect()
    }
}

struct Rename {
    tenant: TenantId,
    account: AccountId,
    device: DeviceId,
    name: Option<String>,
}

impl Operation for Rename {
    type Answer = bool;

    async fn run(&self, on: On<'_>) -> Result<bool, Error> {
        let (tenant, account) = (self.tenant.as_str(), self.account.as_str());
        let name = self.name.as_ref().map(|name| name.as_bytes());
        let params: [Param<'_>; 4] = [
            (&tenant, Type::TEXT),
            (&account, Type::TEXT),
            (&self.device.as_str(), Type::TEXT),
            (&name, Type::BYTEA),
        ];
        Ok(on.client.execute_typed(&on.sql.name_device, &params).await? == 1)
    }
}

/// A change of state, which the device's sessions are told: under the account's lock, so that
/// no sign-on begins one on it in between. One round trip.
struct Set {
    tenant: TenantId,
    account: AccountId,
    device: DeviceId,
    to: DeviceState,
}

impl Operation for Set {
    type Answer = bool;

    const IS_TRANSACTION: bool = true;

    async fn run(&self, on: On<'_>) -> Result<bool, Error> {
        let (tenant, account) = (self.tenant.as_str(), self.account.as_str());
        let (device, state) = (self.device.as_str(), row::state_number(self.to));
        let owner: [Param<'_>; 2] = [(&tenant, Type::TEXT), (&account, Type::TEXT)];
        let params: [Param<'_>; 4] = [
            (&tenant, Type::TEXT),
            (&account, Type::TEXT),
            (&device, Type::TEXT),
            (&state, Type::INT2),
        ];
        let (begun, (locked, set), committed) = join3(
            on.client.batch_execute(BEGIN),
            join(
                on.client.query_typed(&on.sql.find_account, &owner),
                on.client.query_typed_one(&on.sql.set_device, &params),
            ),
            on.client.batch_execute("COMMIT"),
        )
        .await;
        begun?;
        locked?;
        let set = row::column(&set?, 0)?;
        committed?;
        Ok(set)
    }
}
