//! Devices in SQLite, and what beginning a session needs of them.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{SqliteStore, row};
use crate::domain::{AccountId, DeviceId, TenantId};
use crate::session::{Device, DeviceState, DeviceStore, StoreError, rules};

#[async_trait]
impl DeviceStore for SqliteStore {
    async fn devices(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Vec<Device>, StoreError> {
        self.readers.read(|db| {
            let mut list = db.prepare_cached(
                "SELECT id, account, class, information, state, registered_at FROM devices
                 WHERE tenant = ?1 AND account = ?2 ORDER BY id",
            )?;
            list.query_map((tenant.as_str(), account.as_str()), read)?.collect()
        })
    }

    async fn set_device_state(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        device: &DeviceId,
        state: DeviceState,
    ) -> Result<bool, StoreError> {
        let (tenant, account, device) = (tenant.clone(), account.clone(), device.clone());
        self.writer
            .write(move |db| {
                let key = (tenant.as_str(), account.as_str(), device.as_str());
                let old = db
                    .prepare_cached(
                        "SELECT state FROM devices WHERE tenant = ?1 AND account = ?2 AND id = ?3",
                    )?
                    .query_row(key, |r| row::state(r, 0))
                    .optional()?
                    .flatten();
                if !old.is_some_and(|old| rules::may_become(old, state)) {
                    return Ok(false);
                }
                db.prepare_cached(
                    "UPDATE devices SET state = ?4 WHERE tenant = ?1 AND account = ?2 AND id = ?3",
                )?
                .execute((key.0, key.1, key.2, row::state_number(state)))?;
                Ok(true)
            })
            .await
    }
}

/// Whether the account has at least `count` devices that are not deleted.
pub(super) fn has(
    db: &Connection,
    tenant: &TenantId,
    account: &AccountId,
    count: u32,
) -> rusqlite::Result<bool> {
    let mut kept = db.prepare_cached(
        "SELECT count(*) FROM (SELECT 1 FROM devices
         WHERE tenant = ?1 AND account = ?2 AND state <> 2 LIMIT ?3)",
    )?;
    let found: u32 = kept.query_row((tenant.as_str(), account.as_str(), count), |r| r.get(0))?;
    Ok(found >= count)
}

/// Inserts the device; `false` when its id is taken.
pub(super) fn insert(
    db: &Connection,
    tenant: &TenantId,
    device: &Device,
) -> rusqlite::Result<bool> {
    let mut insert = db.prepare_cached(
        "INSERT INTO devices (tenant, account, id, class, information, state, registered_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
    )?;
    let inserted = insert.execute((
        tenant.as_str(),
        device.account.as_str(),
        device.id.as_str(),
        &device.class,
        &device.information,
        row::state_number(device.state),
        device.registered_at.secs(),
    ))?;
    Ok(inserted == 1)
}

/// Takes a device out that the same step has inserted.
pub(super) fn delete(db: &Connection, tenant: &TenantId, device: &Device) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM devices WHERE tenant = ?1 AND account = ?2 AND id = ?3")?
        .execute((tenant.as_str(), device.account.as_str(), device.id.as_str()))
        .map(drop)
}

fn read(r: &Row<'_>) -> rusqlite::Result<Device> {
    Ok(Device {
        id: row::id(r, 0)?,
        account: row::id(r, 1)?,
        class: r.get(2)?,
        information: r.get(3)?,
        state: row::state(r, 4)?.ok_or(rusqlite::Error::IntegralValueOutOfRange(4, -1))?,
        registered_at: row::time(r, 5)?,
    })
}
