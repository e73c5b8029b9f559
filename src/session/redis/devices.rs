//! Devices in Redis. Registering one is part of `begin.rs`.

use async_trait::async_trait;
use redis::Cmd;

use super::{RedisStore, record, unreadable};
use crate::domain::{AccountId, DeviceId, TenantId};
use crate::session::{Device, DeviceChange, DeviceStore, StoreError, rules};

#[async_trait]
impl DeviceStore for RedisStore {
    async fn devices(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Vec<Device>, StoreError> {
        let key = self.names.account(tenant, account).devices;
        let found = self.read(&key, || Cmd::hgetall(&key).into()).await?;
        let rows: Vec<(String, Vec<u8>)> =
            redis::from_redis_value(found).map_err(|_| unreadable("device"))?;
        let devices = rows.iter().map(|(id, record)| record::device(account, id, record));
        let mut devices: Vec<_> = devices.collect::<Result<_, _>>()?;
        devices.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        Ok(devices)
    }

    async fn change_device(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        device: &DeviceId,
        change: DeviceChange,
    ) -> Result<bool, StoreError> {
        let keys = self.names.account(tenant, account);
        let (what, value) = match &change {
            DeviceChange::Name(name) => ("name", record::json(name)?),
            DeviceChange::State(state) => ("state", record::state_letter(*state).to_owned()),
        };
        self.write(
            &self.scripts.change_device,
            &[&keys.sessions, &keys.devices],
            &[
                device.as_str().as_bytes(),
                what.as_bytes(),
                value.as_bytes(),
                keys.gone().as_bytes(),
                rules::DELETED_KEPT.to_string().as_bytes(),
                rules::DELETED_FORGOTTEN.to_string().as_bytes(),
                self.waits(),
                keys.mark().as_bytes(),
            ],
        )
        .await?
        .did_it()
    }
}
