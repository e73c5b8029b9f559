//! What accounts have, in one tree: of each account its devices, then its sessions. So a sign-on changes one
//! page of it, whatever it adds. What was added lately is in the memtable only, until something
//! else of the account changes.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row};

use super::memtable::{AccountKey, AccountRow, Change, Tx, View};
use super::row;
use crate::domain::DeviceId;
use crate::session::{Device, DeviceLimits, DeviceState, SessionId};

/// A device of the account.
pub(super) fn device(
    view: &View<'_>,
    account: &AccountKey,
    id: &DeviceId,
) -> rusqlite::Result<Option<Device>> {
    let mut find = view.db.prepare_cached(
        "SELECT device, account, class, information, state, registered_at, name FROM accounts
         WHERE tenant = ?1 AND account = ?2 AND ends_at = 0 AND number = 0 AND device = ?3",
    )?;
    let key = (account.0.as_str(), account.1.as_str(), id.as_str());
    let stored = find.query_row(key, read).optional()?;
    Ok(stored.or_else(|| view.device(account, id)))
}

/// The account's devices, in order of their ids.
pub(super) fn devices(view: &View<'_>, account: &AccountKey) -> rusqlite::Result<Vec<Device>> {
    let mut list = view.db.prepare_cached(
        "SELECT device, account, class, information, state, registered_at, name FROM accounts
         WHERE tenant = ?1 AND account = ?2 AND ends_at = 0 AND number = 0",
    )?;
    let added = view.devices(account).into_iter().map(Ok);
    let stored = list.query_map((account.0.as_str(), account.1.as_str()), read)?;
    // The tree's come last and stay.
    let all = added.chain(stored).map(|device| device.map(|device| (device.id.clone(), device)));
    Ok(all.collect::<rusqlite::Result<BTreeMap<_, _>>>()?.into_values().collect())
}

/// The account's sessions, in order; some may be gone.
pub(super) fn sessions(view: &View<'_>, account: &AccountKey) -> rusqlite::Result<Vec<SessionId>> {
    let mut list = view.db.prepare_cached(
        "SELECT ends_at, number FROM accounts
         WHERE tenant = ?1 AND account = ?2 AND (ends_at, number) > (0, 0)",
    )?;
    let mut all = view.sessions(account);
    let stored =
        list.query_map((account.0.as_str(), account.1.as_str()), |r| row::session_id(r, 0));
    all.extend(stored?.collect::<rusqlite::Result<Vec<_>>>()?);
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

/// Whether the account has as many devices, not deleted, as it may have with this one's class.
pub(super) fn full(
    view: &View<'_>,
    account: &AccountKey,
    class: Option<&str>,
    limits: DeviceLimits,
) -> rusqlite::Result<bool> {
    if limits.all.is_none() && limits.of_class.is_none() {
        return Ok(false);
    }
    let (mut all, mut of_class) = (0_u32, 0_u32);
    let devices = devices(view, account)?;
    for device in devices.iter().filter(|device| device.state != DeviceState::Deleted) {
        all += 1;
        of_class += u32::from(device.class.as_deref() == class);
    }
    let reached = |limit: Option<u32>, kept| limit.is_some_and(|limit| kept >= limit);
    Ok(reached(limits.all, all) || reached(limits.of_class, of_class))
}

/// Writes what the account has to the tree, so that it can be changed there.
pub(super) fn settle(tx: &mut Tx<'_>, account: &AccountKey) -> rusqlite::Result<()> {
    let rows = tx.rows(account);
    if rows.is_empty() {
        return Ok(());
    }
    for (row, device) in &rows {
        store(tx.db, row, device.as_ref())?;
    }
    tx.change(Change::Settled(account.clone()))
}

/// Takes a session from the account.
pub(super) fn forget(tx: &mut Tx<'_>, account: &AccountKey, id: SessionId) -> rusqlite::Result<()> {
    settle(tx, account)?;
    tx.db
        .prepare_cached(
            "DELETE FROM accounts WHERE tenant = ?1 AND account = ?2
             AND ends_at = ?3 AND number = ?4 AND device = ''",
        )?
        .execute((
            account.0.as_str(),
            account.1.as_str(),
            id.ends_at.secs(),
            id.number.cast_signed(),
        ))
        .map(drop)
}

/// Writes a row to the tree. One that is there stays as it is.
pub(super) fn store(
    db: &Connection,
    row: &AccountRow,
    device: Option<&Device>,
) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO accounts (tenant, account, ends_at, number, device, class, information, state,
                               registered_at, name)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
    )?;
    insert
        .execute((
            row.account.0.as_str(),
            row.account.1.as_str(),
            row.session.ends_at.secs(),
            row.session.number.cast_signed(),
            row.device.as_ref().map_or("", DeviceId::as_str),
            device.and_then(|device| device.class.as_deref()),
            device.map(|device| &device.information),
            device.map(|device| row::state_number(device.state)),
            device.map(|device| device.registered_at.secs()),
            device.and_then(|device| device.name.as_deref()),
        ))
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
