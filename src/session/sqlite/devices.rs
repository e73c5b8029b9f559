//! Devices in SQLite: which connection does what. They are stored with their accounts (`accounts.rs`).

use async_trait::async_trait;

use super::memtable::{AccountKey, Change, Tx};
use super::place::{self, SessionKey, SessionRow};
use super::{SqliteStore, accounts, row};
use crate::domain::{AccountId, DeviceId, TenantId};
use crate::session::{Device, DeviceChange, DeviceState, DeviceStore, StoreError, rules};

#[async_trait]
impl DeviceStore for SqliteStore {
    async fn devices(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Vec<Device>, StoreError> {
        let account = AccountKey(tenant.clone(), account.clone());
        self.read(|view| accounts::devices(view, &account))
    }

    async fn change_device(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        device: &DeviceId,
        change: DeviceChange,
    ) -> Result<bool, StoreError> {
        let account = AccountKey(tenant.clone(), account.clone());
        let device = device.clone();
        let change = move |tx: &mut Tx<'_>| {
            let old = accounts::device(tx, &account, &device)?.map(|device| device.state);
            if !old.is_some_and(|old| rules::may_change(old, &change)) {
                return Ok(false);
            }
            accounts::settle(tx, &account)?;
            apply(tx, &account, &device, &change)?;
            Ok(true)
        };
        self.writer.write(change).await
    }
}

fn apply(
    tx: &mut Tx<'_>,
    owner: &AccountKey,
    device: &DeviceId,
    change: &DeviceChange,
) -> rusqlite::Result<()> {
    let AccountKey(tenant, account) = owner;
    let names = (tenant.as_str(), account.as_str(), device.as_str());
    match change {
        DeviceChange::Name(name) => {
            let mut set = tx.db.prepare_cached(
                "UPDATE accounts SET name = ?4 WHERE tenant = ?1 AND account = ?2
                 AND ends_at = 0 AND number = 0 AND device = ?3",
            )?;
            set.execute((names.0, names.1, names.2, name))?;
        }
        DeviceChange::State(state) => {
            let mut set = tx.db.prepare_cached(
                "UPDATE accounts SET state = ?4 WHERE tenant = ?1 AND account = ?2
                 AND ends_at = 0 AND number = 0 AND device = ?3",
            )?;
            let state_number = row::state_number(*state);
            set.execute((names.0, names.1, names.2, state_number))?;
            let ends = *state == DeviceState::Deleted;
            for id in accounts::sessions(tx, owner)? {
                let key = SessionKey(id, tenant.clone());
                let Some(SessionRow(row)) = place::find(tx.db, &key)? else { continue };
                let mut tell = tx.db.prepare_cached(
                    "UPDATE sessions SET device_state = ?4, evicted = evicted OR ?5
                     WHERE id = ?1 AND account = ?2 AND device = ?3",
                )?;
                let is_its = tell.execute((row, names.1, names.2, state_number, ends))? == 1;
                drop(tell);
                if is_its && ends {
                    accounts::forget(tx, owner, key.0)?;
                }
            }
            if ends {
                forget_deleted(tx, owner, device)?;
            }
        }
    }
    Ok(())
}

/// Forgets the oldest of the account's deleted devices but this one, when they are many.
fn forget_deleted(tx: &mut Tx<'_>, account: &AccountKey, but: &DeviceId) -> rusqlite::Result<()> {
    let mut forget = tx.db.prepare_cached(
        "DELETE FROM accounts
         WHERE tenant = ?1 AND account = ?2 AND ends_at = 0 AND number = 0 AND device IN (
             SELECT device FROM accounts
             WHERE tenant = ?1 AND account = ?2 AND ends_at = 0 AND number = 0
                   AND state = 2 AND device <> ?3
             ORDER BY registered_at DESC, device DESC LIMIT ?5 OFFSET ?4)",
    )?;
    let kept = (rules::DELETED_KEPT, rules::DELETED_FORGOTTEN);
    let names = (account.0.as_str(), account.1.as_str(), but.as_str());
    let forgotten = forget.execute((names.0, names.1, names.2, kept.0, kept.1))?;
    drop(forget);
    if forgotten > 0 {
        // Another process may remember how they began.
        tx.change(Change::Settled(account.clone()))?;
    }
    Ok(())
}
