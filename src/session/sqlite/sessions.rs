//! Sessions in SQLite: which connection does what. Beginning and refreshing have files of
//! their own.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row};

use super::memtable::{AccountKey, Change, Generation, Tx, View};
use super::place::{self, SessionKey, SessionRow};
use super::{SqliteStore, accounts, begin, page, refresh, refreshed, row, sweep};
use crate::domain::identity::OneTimeClaim;
use crate::domain::{AccountId, DeviceId, TenantId, Timestamp};
use crate::session::audit::Asked;
use crate::session::{
    BeginError, Begun, NewSession, NextPair, Page, PageStart, PresentedRefresh, RefreshError,
    Refreshed, Session, SessionId, SessionStore, StoreError, UpstreamSession, rules,
};

#[async_trait]
impl SessionStore for SqliteStore {
    async fn begin(&self, new: NewSession, now: Timestamp) -> Result<Begun, BeginError> {
        let recent = Arc::clone(&self.recent);
        let begin = move |tx: &mut Tx<'_>| {
            let begun = begin::begin(tx, &new, now)?;
            if let (Ok(_), Some(taken)) = (&begun, &new.claim) {
                recent.forget(taken);
            }
            Ok(begun)
        };
        self.writer.write(begin).await?
    }

    async fn refresh(
        &self,
        presented: &PresentedRefresh,
        next: NextPair,
        now: Timestamp,
    ) -> Result<Refreshed, RefreshError> {
        let (presented, asked) = (Arc::new(presented.clone()), Asked::now());
        let of = Arc::clone(&presented);
        let refresh = move |tx: &mut Tx<'_>| refresh::refresh(tx, &of, next, now);
        let say = move |refreshed: &Result<_, _>| {
            if *refreshed == Err(RefreshError::Reused) {
                asked.reused(&presented);
            }
        };
        self.writer.write_and_say(refresh, say).await?
    }

    async fn session(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let (account, key) =
            (AccountKey(tenant.clone(), account.clone()), SessionKey(id, tenant.clone()));
        self.reading.walk(|view| find_alive(view, &account, &key, now))
    }

    async fn sessions(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let account = AccountKey(tenant.clone(), account.clone());
        // All of them at one time.
        self.writer.write(move |tx| alive(tx, &account, now)).await
    }

    async fn end(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        id: SessionId,
        device: &DeviceId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (account, key) =
            (AccountKey(tenant.clone(), account.clone()), SessionKey(id, tenant.clone()));
        let device = device.clone();
        let end = move |tx: &mut Tx<'_>| match find_alive(tx, &account, &key, now)? {
            Some(session) if session.device == device => {
                remove(tx, &key, &account)?;
                Ok(true)
            }
            _ => Ok(false),
        };
        self.writer.write(end).await
    }

    async fn end_all(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        let account = AccountKey(tenant.clone(), account.clone());
        let end = move |tx: &mut Tx<'_>| {
            let held = held(tx, &account)?;
            for session in &held {
                remove(tx, &SessionKey(session.id, account.0.clone()), &account)?;
            }
            let alive = held.iter().filter(|session| rules::alive(session.expires_at, now));
            Ok(u32::try_from(alive.count()).unwrap_or(u32::MAX))
        };
        self.writer.write(end).await
    }

    async fn page(
        &self,
        from: Option<PageStart>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        let from = from.map(page::place).transpose()?;
        let reading = self.reading.clone();
        let read = move || reading.walk(|view| page::read(view, from, limit, now));
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|e| StoreError(format!("page has stopped: {e}")))?
    }

    async fn sweep(&self, limit: u32, now: Timestamp) -> Result<u32, StoreError> {
        let (mut looked_at, mut removed) = (0, 0);
        while removed < limit && looked_at < limit.saturating_mul(sweep::LOOK_AT) {
            let most = limit - removed;
            let look = move |tx: &mut Tx<'_>| sweep::sessions(tx, most, now);
            let swept = self.writer.write(look).await?;
            looked_at += swept.looked_at;
            removed += swept.removed;
            if swept.looked_at < sweep::SHARE {
                break;
            }
        }
        match limit - removed {
            0 => Ok(removed),
            left => Ok(removed + self.sweep_tickets(left, now).await?),
        }
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.read(|view| view.db.prepare_cached("SELECT 1")?.query_row((), |_| Ok(())))?;
        self.writer.write(|_| Ok(())).await
    }
}

impl SqliteStore {
    async fn sweep_tickets(&self, limit: u32, now: Timestamp) -> Result<u32, StoreError> {
        let from = *self.swept.lock();
        let reading = self.reading.clone();
        let find = move || reading.read(|view| sweep::tickets(view.db, from, limit, now));
        // Walks over thousands of rows: not on a thread that others wait for.
        let (tickets, next) = tokio::task::spawn_blocking(find)
            .await
            .map_err(|e| StoreError(format!("sweep has stopped: {e}")))??;
        *self.swept.lock() = next;
        if tickets.is_empty() {
            return Ok(0);
        }
        let recent = Arc::clone(&self.recent);
        let remove = move |tx: &mut Tx<'_>| {
            tickets.iter().for_each(|ticket| recent.forget(&OneTimeClaim(*ticket)));
            sweep::remove_tickets(tx.db, &tickets, now)
        };
        self.writer.write(remove).await
    }
}

/// The account's session, if it is alive.
fn find_alive(
    view: &View<'_>,
    account: &AccountKey,
    key: &SessionKey,
    now: Timestamp,
) -> rusqlite::Result<Option<Session>> {
    let found = find(view, account, key)?;
    Ok(found.filter(|session| rules::alive(session.expires_at, now)))
}

/// The account's session, expired or not.
fn find(
    view: &View<'_>,
    account: &AccountKey,
    key: &SessionKey,
) -> rusqlite::Result<Option<Session>> {
    let mut find = view.db.prepare_cached(
        "SELECT ends_at, number, tenant, service, device, device_class,
                s.generation, s.issued_at, s.expires_at, facts, upstream, begun_at,
                s.id, r.generation, r.issued_at, r.expires_at
         FROM sessions AS s LEFT JOIN refreshed AS r ON r.id = s.id
         WHERE s.id >= ?1 AND s.id < ?2 AND ends_at = ?3 AND number = ?4 AND tenant = ?5
               AND account = ?6 AND evicted = 0",
    )?;
    let (first, behind, end, number, tenant) = place::of(key);
    find.query_row((first, behind, end, number, tenant, account.1.as_str()), |r| read(view, r))
        .optional()
}

/// The account's sessions that are alive, in order.
pub(super) fn alive(
    view: &View<'_>,
    account: &AccountKey,
    now: Timestamp,
) -> rusqlite::Result<Vec<Session>> {
    let mut held = held(view, account)?;
    held.retain(|session| rules::alive(session.expires_at, now));
    Ok(held)
}

/// The account's sessions, expired or not, in order.
fn held(view: &View<'_>, account: &AccountKey) -> rusqlite::Result<Vec<Session>> {
    let ids = accounts::sessions(view, account)?.into_iter();
    let found = ids.map(|id| find(view, account, &SessionKey(id, account.0.clone())));
    found.filter_map(Result::transpose).collect()
}

/// Removes a session of the account.
pub(super) fn remove(
    tx: &mut Tx<'_>,
    key: &SessionKey,
    account: &AccountKey,
) -> rusqlite::Result<()> {
    match place::find(tx.db, key)? {
        Some(row) => remove_row(tx, row, (key.0, account)),
        None => accounts::forget(tx, account, key.0),
    }
}

/// Removes a session of the account, which has this row.
pub(super) fn remove_row(
    tx: &mut Tx<'_>,
    row: SessionRow,
    (id, account): (SessionId, &AccountKey),
) -> rusqlite::Result<()> {
    tx.db.prepare_cached("DELETE FROM sessions WHERE id = ?1")?.execute((row.0,))?;
    accounts::forget(tx, account, id)?;
    // Another process may remember what this one does not any more, and would write it there again.
    if refreshed::remove(tx.db, row)? || tx.generation(row).is_some() {
        tx.change(Change::Forgotten(row))?;
    }
    Ok(())
}

/// What was found of a session that may have expired.
pub(super) enum Looked {
    Absent,
    Removed,
    /// Until then, unless it is refreshed.
    Alive(Timestamp),
}

/// Removes the session in a row, if it has expired.
pub(super) fn remove_expired(
    tx: &mut Tx<'_>,
    row: SessionRow,
    now: Timestamp,
) -> rusqlite::Result<Looked> {
    let found = tx
        .db
        .prepare_cached(
            "SELECT ends_at, number, tenant, account, s.generation, s.issued_at, s.expires_at,
                    r.generation, r.issued_at, r.expires_at
             FROM sessions AS s LEFT JOIN refreshed AS r ON r.id = s.id WHERE s.id = ?1",
        )?
        .query_row((row.0,), |r| {
            let account = AccountKey(row::id(r, 2)?, row::id(r, 3)?);
            let newest = refreshed::newest((tx, row), r, (4, 7))?;
            Ok((row::session_id(r, 0)?, account, newest))
        })
        .optional()?;
    let Some((id, account, Generation(.., until))) = found else { return Ok(Looked::Absent) };
    if rules::alive(until, now) {
        return Ok(Looked::Alive(until));
    }
    remove_row(tx, row, (id, &account))?;
    Ok(Looked::Removed)
}

/// A session from its columns, in the order that every statement lists them, as of its last refresh.
pub(super) fn read(view: &View<'_>, r: &Row<'_>) -> rusqlite::Result<Session> {
    let row = SessionRow(r.get(12)?);
    read_as(r, refreshed::newest((view, row), r, (6, 13))?)
}

/// The same, but for its columns of a generation.
pub(super) fn read_as(
    r: &Row<'_>,
    Generation(generation, issued_at, expires_at): Generation,
) -> rusqlite::Result<Session> {
    Ok(Session {
        id: row::session_id(r, 0)?,
        tenant: row::id(r, 2)?,
        service: row::id(r, 3)?,
        device: row::id(r, 4)?,
        device_class: r.get(5)?,
        generation,
        issued_at,
        expires_at,
        facts: row::json(r, 9)?,
        upstream: r.get::<_, Option<_>>(10)?.map(UpstreamSession),
        begun_at: row::time(r, 11)?,
    })
}
