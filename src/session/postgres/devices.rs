//! Devices in PostgreSQL. Registering one is part of `begin.rs`.

use async_trait::async_trait;
use futures_util::future::{OptionFuture, join3};
use tokio_postgres::Row;

use super::call::Operation;
use super::error::Error;
use super::on::{BEGIN, On};
use super::value::Value;
use super::{PostgresStore, row};
use crate::domain::{AccountId, DeviceId, TenantId};
use crate::session::{Device, DeviceChange, DeviceState, DeviceStore, StoreError, rules};

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

    const WRITES: bool = false;

    async fn run(&self, on: On<'_>) -> Result<Vec<Device>, Error> {
        let owner = row::owner(&self.tenant, &self.account);
        on.rows(&on.sql.list_devices, &owner).await?.iter().map(row::device).collect()
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
        let change = [
            Value::Text(self.device.as_str()),
            Value::words(self.name.as_deref()),
            Value::Float8(on.ends_at()),
        ];
        let values = row::with(&row::owner(&self.tenant, &self.account), &change);
        in_time(on.row(&on.sql.name_device, &values).await?)
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
        let owner = row::owner(&self.tenant, &self.account);
        let change = [
            Value::Text(self.device.as_str()),
            Value::Int2(row::state_number(self.to)),
            Value::Float8(on.ends_at()),
        ];
        let values = row::with(&owner, &change);
        let surplus = [
            Value::Text(self.device.as_str()),
            Value::Int8(i64::from(rules::DELETED_KEPT)),
            Value::Int8(i64::from(rules::DELETED_FORGOTTEN)),
        ];
        let surplus = row::with(&owner, &surplus);
        let forget =
            (self.to == DeviceState::Deleted).then(|| on.execute(&on.sql.forget_deleted, &surplus));
        let (begun, (locked, set, forgotten), committed) = join3(
            on.simple(BEGIN),
            join3(
                on.rows(&on.sql.find_account, &owner),
                on.row(&on.sql.set_device, &values),
                OptionFuture::from(forget),
            ),
            on.simple("COMMIT"),
        )
        .await;
        begun?;
        locked?;
        let set = set?;
        forgotten.transpose()?;
        committed?;
        in_time(set)
    }
}

/// Whether there was one to change, if it was in time to look.
fn in_time(answer: Option<Row>) -> Result<bool, Error> {
    let answer = answer.ok_or(Error::Content("an answer"))?;
    if !row::column::<bool>(&answer, 1)? {
        return Err(Error::OutOfTime);
    }
    row::column(&answer, 0)
}
