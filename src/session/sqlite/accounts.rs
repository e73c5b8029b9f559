//! What accounts have, in one tree: of each account its devices, then its sessions. So a sign-on changes one
//! page of it, whatever it adds. What was added lately is in the memtable only, until something
//! else of the account changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};

use super::memtable::{AccountKey, Added, Change, Id, TOO_MANY, Tx, View};
use super::row;
use crate::domain::DeviceId;
use crate::session::{Device, DeviceLimits, SessionId};

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

/// Whether the account has a device of this id. Its page is read for the first one that is added, and not
/// for those that follow until that is written there, unless they are many.
pub(super) fn is_registered(
    tx: &mut Tx<'_>,
    account: &AccountKey,
    id: &DeviceId,
) -> rusqlite::Result<bool> {
    match tx.look(account, id) {
        Id::Taken => return Ok(true),
        Id::Free => return Ok(false),
        Id::Maybe => return in_tree(tx.db, account, id),
        Id::Unknown => {}
    }
    let mut list = tx.db.prepare_cached(
        "SELECT device FROM accounts
         WHERE tenant = ?1 AND account = ?2 AND ends_at = 0 AND number = 0",
    )?;
    let stored = list
        .query_map((account.0.as_str(), account.1.as_str()), |r| r.get(0))?
        .take(TOO_MANY)
        .collect::<rusqlite::Result<Vec<String>>>()?;
    tx.remember_taken(account, &stored);
    if stored.len() < TOO_MANY {
        return Ok(stored.iter().any(|stored| stored == id.as_str()));
    }
    in_tree(tx.db, account, id)
}

/// The account's devices, in order of their ids.
pub(super) fn devices(view: &View<'_>, account: &AccountKey) -> rusqlite::Result<Vec<Device>> {
    let mut list = view.db.prepare_cached(
        "SELECT device, account, class, information, state, registered_at, name FROM accounts
         WHERE tenant = ?1 AND account = ?2 AND ends_at = 0 AND number = 0",
    )?;
    let added =
        view.added(account).devices.into_iter().map(|device| Ok(Arc::unwrap_or_clone(device)));
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
    let mut all = view.added(account).sessions;
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
    if !limits.are_set() {
        return Ok(false);
    }
    // No more than the limits allow: deleting one has all of them written to the tree.
    let added = view.added(account).devices;
    let (mut all, mut of_class) = (0_u32, 0_u32);
    for device in &added {
        if !in_tree(view.db, account, &device.id)? {
            all += 1;
            of_class += u32::from(device.class.as_deref() == class);
        }
    }
    let (tenant, account) = (account.0.as_str(), account.1.as_str());
    if let Some(limit) = limits.all {
        let mut kept = view.db.prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM accounts
             WHERE tenant = ?1 AND account = ?2 AND ends_at = 0 AND number = 0
                   AND state <> 2 LIMIT ?3)",
        )?;
        let kept: u32 = kept.query_row((tenant, account, limit), |r| r.get(0))?;
        if kept.saturating_add(all) >= limit {
            return Ok(true);
        }
    }
    let Some(limit) = limits.of_class else { return Ok(false) };
    let mut kept = view.db.prepare_cached(
        "SELECT count(*) FROM (SELECT 1 FROM accounts
         WHERE tenant = ?1 AND account = ?2 AND ends_at = 0 AND number = 0
               AND state <> 2 AND class IS ?4 LIMIT ?3)",
    )?;
    let kept: u32 = kept.query_row((tenant, account, limit, class), |r| r.get(0))?;
    Ok(kept.saturating_add(of_class) >= limit)
}

fn in_tree(db: &Connection, account: &AccountKey, id: &DeviceId) -> rusqlite::Result<bool> {
    let mut find = db.prepare_cached(
        "SELECT 1 FROM accounts
         WHERE tenant = ?1 AND account = ?2 AND ends_at = 0 AND number = 0 AND device = ?3",
    )?;
    find.exists((account.0.as_str(), account.1.as_str(), id.as_str()))
}

/// Writes what the account has to the tree, so that it can be changed there.
pub(super) fn settle(tx: &mut Tx<'_>, account: &AccountKey) -> rusqlite::Result<()> {
    let added = tx.added(account);
    if added.sessions.is_empty() && added.devices.is_empty() {
        return Ok(());
    }
    store(tx.db, account, &added, 0, usize::MAX)?;
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

/// Writes to the tree what an account has more than it, from the `from`th on and at most `most`. What is there
/// stays as it is. Answers how many it was.
pub(super) fn store(
    db: &Connection,
    AccountKey(tenant, account): &AccountKey,
    added: &Added,
    from: usize,
    most: usize,
) -> rusqlite::Result<usize> {
    let mut device = db.prepare_cached(
        "INSERT INTO accounts (tenant, account, ends_at, number, device, class, information, state,
                               registered_at, name)
         VALUES (?1, ?2, 0, 0, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
    )?;
    let mut session = db.prepare_cached(
        "INSERT INTO accounts (tenant, account, ends_at, number, device)
         VALUES (?1, ?2, ?3, ?4, '') ON CONFLICT DO NOTHING",
    )?;
    let mut written = 0;
    for one in added.devices.iter().skip(from).take(most) {
        device.execute((
            tenant.as_str(),
            account.as_str(),
            one.id.as_str(),
            &one.class,
            &one.information,
            row::state_number(one.state),
            one.registered_at.secs(),
            &one.name,
        ))?;
        written += 1;
    }
    let behind = from.saturating_sub(added.devices.len());
    for id in added.sessions.iter().skip(behind).take(most - written) {
        let (end, number) = (id.ends_at.secs(), id.number.cast_signed());
        session.execute((tenant.as_str(), account.as_str(), end, number))?;
        written += 1;
    }
    Ok(written)
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
