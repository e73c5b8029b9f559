//! Devices in SQLite, and what beginning a session needs of them.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{SqliteStore, row};
use crate::domain::{AccountId, DeviceId, TenantId};
use crate::session::{
    Device, DeviceChange, DeviceLimits, DeviceState, DeviceStore, StoreError, rules,
};

#[async_trait]
impl DeviceStore for SqliteStore {
    async fn devices(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Vec<Device>, StoreError> {
        self.readers.read(|db| {
            let mut list = db.prepare_cached(
                "SELECT id, account, class, information, state, registered_at, name FROM devices
                 WHERE tenant = ?1 AND account = ?2 ORDER BY id",
            )?;
            list.query_map((tenant.as_str(), account.as_str()), read)?.collect()
        })
    }

    async fn change_device(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        device: &DeviceId,
        change: DeviceChange,
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
                if !old.is_some_and(|old| rules::may_change(old, &change)) {
                    return Ok(false);
                }
                apply(db, key, &change)?;
                Ok(true)
            })
            .await
    }
}

fn apply(
    db: &Connection,
    (tenant, account, device): (&str, &str, &str),
    change: &DeviceChange,
) -> rusqlite::Result<()> {
    match change {
        DeviceChange::Name(name) => {
            let mut set = db.prepare_cached(
                "UPDATE devices SET name = ?4 WHERE tenant = ?1 AND account = ?2 AND id = ?3",
            )?;
            set.execute((tenant, account, device, name))?;
        }
        DeviceChange::State(state) => {
            let mut set = db.prepare_cached(
                "UPDATE devices SET state = ?4 WHERE tenant = ?1 AND account = ?2 AND id = ?3",
            )?;
            let state_number = row::state_number(*state);
            set.execute((tenant, account, device, state_number))?;
            let mut tell = db.prepare_cached(
                "UPDATE sessions SET device_state = ?4, evicted = evicted OR ?5
                 WHERE tenant = ?1 AND account = ?2 AND device = ?3",
            )?;
            let ends = *state == DeviceState::Deleted;
            tell.execute((tenant, account, device, state_number, ends))?;
        }
    }
    Ok(())
}

/// Whether the account has as many devices, not deleted, as it may have with this one's class.
pub(super) fn full(
    db: &Connection,
    tenant: &TenantId,
    device: &Device,
    limits: DeviceLimits,
) -> rusqlite::Result<bool> {
    let (tenant, account) = (tenant.as_str(), device.account.as_str());
    if let Some(limit) = limits.all {
        let mut kept = db.prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM devices
             WHERE tenant = ?1 AND account = ?2 AND state <> 2 LIMIT ?3)",
        )?;
        if kept.query_row((tenant, account, limit), |r| r.get::<_, u32>(0))? >= limit {
            return Ok(true);
        }
    }
    let Some(limit) = limits.of_class else { return Ok(false) };
    let mut kept = db.prepare_cached(
        "SELECT count(*) FROM (SELECT 1 FROM devices
         WHERE tenant = ?1 AND account = ?2 AND state <> 2 AND class IS ?4 LIMIT ?3)",
    )?;
    Ok(kept.query_row((tenant, account, limit, &device.class), |r| r.get::<_, u32>(0))? >= limit)
}

/// Inserts the device; `false` when its id is taken.
pub(super) fn insert(
    db: &Connection,
    tenant: &TenantId,
    device: &Device,
) -> rusqlite::Result<bool> {
    let mut insert = db.prepare_cached(
        "INSERT INTO devices
             (tenant, account, id, class, information, state, registered_at, name)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
    )?;
    let inserted = insert.execute((
        tenant.as_str(),
        device.account.as_str(),
        device.id.as_str(),
        &device.class,
        &device.information,
        row::state_number(device.state),
        device.registered_at.secs(),
        &device.name,
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
        name: r.get(6)?,
    })
}
