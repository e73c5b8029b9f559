//! Sessions in SQLite: which connection does what. Beginning and refreshing have files of
//! their own.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{SqliteStore, begin, page, refresh, row, sweep};
use crate::domain::identity::OneTimeClaim;
use crate::domain::{AccountId, DeviceId, TenantId, Timestamp};
use crate::session::{
    BeginError, Begun, NewSession, NextPair, Page, PageStart, PresentedRefresh, RefreshError,
    Refreshed, Session, SessionId, SessionStore, StoreError, UpstreamSession,
};

#[async_trait]
impl SessionStore for SqliteStore {
    async fn begin(&self, new: NewSession, now: Timestamp) -> Result<Begun, BeginError> {
        let recent = Arc::clone(&self.recent);
        let begin = move |db: &Connection| {
            let begun = begin::begin(db, &new, now)?;
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
        let presented = presented.clone();
        self.writer.write(move |db| refresh::refresh(db, &presented, next, now)).await?
    }

    async fn session(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        self.readers.read(|db| {
            let mut find = db.prepare_cached(
                "SELECT ends_at, number, tenant, service, device, device_class,
                        generation, issued_at, expires_at, facts, upstream, begun_at
                 FROM sessions
                 WHERE ends_at = ?1 AND number = ?2 AND tenant = ?3
                       AND account = ?5 AND expires_at > ?4 AND evicted = 0",
            )?;
            let (end, number) = (id.ends_at.secs(), id.number.cast_signed());
            find.query_row((end, number, tenant.as_str(), now.secs(), account.as_str()), read)
                .optional()
        })
    }

    async fn sessions(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        self.readers.read(|db| {
            let mut list = db.prepare_cached(
                "SELECT ends_at, number, tenant, service, device, device_class,
                        generation, issued_at, expires_at, facts, upstream, begun_at
                 FROM sessions
                 WHERE tenant = ?1 AND account = ?2 AND expires_at > ?3 AND evicted = 0
                 ORDER BY ends_at, number",
            )?;
            list.query_map((tenant.as_str(), account.as_str(), now.secs()), read)?.collect()
        })
    }

    async fn end(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        id: SessionId,
        device: &DeviceId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (tenant, account, device) = (tenant.clone(), account.clone(), device.clone());
        self.writer
            .write(move |db| {
                let mut delete = db.prepare_cached(
                    "DELETE FROM sessions WHERE ends_at = ?1 AND number = ?2 AND tenant = ?3
                     AND account = ?6 AND device = ?4 AND expires_at > ?5 AND evicted = 0",
                )?;
                let deleted = delete.execute((
                    id.ends_at.secs(),
                    id.number.cast_signed(),
                    tenant.as_str(),
                    device.as_str(),
                    now.secs(),
                    account.as_str(),
                ))?;
                Ok(deleted == 1)
            })
            .await
    }

    async fn end_all(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        let (tenant, account) = (tenant.clone(), account.clone());
        self.writer
            .write(move |db| {
                let mut delete = db.prepare_cached(
                    "DELETE FROM sessions WHERE tenant = ?1 AND account = ?2
                     AND expires_at > ?3 AND evicted = 0",
                )?;
                let deleted = delete.execute((tenant.as_str(), account.as_str(), now.secs()))?;
                Ok(u32::try_from(deleted).unwrap_or(u32::MAX))
            })
            .await
    }

    async fn page(
        &self,
        from: Option<PageStart>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        let from = from.map(|from| from.session()).transpose()?;
        let readers = Arc::clone(&self.readers);
        let read = move || readers.read(|db| page::read(db, from, limit, now));
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|e| StoreError(format!("page has stopped: {e}")))?
    }

    async fn sweep(&self, limit: u32, now: Timestamp) -> Result<u32, StoreError> {
        let from = self.swept.lock().clone();
        let readers = Arc::clone(&self.readers);
        let find = move || readers.read(|db| sweep::find(db, from, limit, now));
        // Walks over thousands of rows: not on a thread that others wait for.
        let found = tokio::task::spawn_blocking(find)
            .await
            .map_err(|e| StoreError(format!("sweep has stopped: {e}")))??;
        *self.swept.lock() = found.next;
        if found.sessions.is_empty() && found.tickets.is_empty() {
            return Ok(0);
        }
        let (sessions, tickets) = (found.sessions, found.tickets);
        let recent = Arc::clone(&self.recent);
        let remove = move |db: &Connection| {
            tickets.iter().for_each(|ticket| recent.forget(&OneTimeClaim(*ticket)));
            sweep::remove(db, &sessions, &tickets, now)
        };
        self.writer.write(remove).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.readers.read(|db| db.prepare_cached("SELECT 1")?.query_row((), |_| Ok(())))?;
        self.writer.write(|_| Ok(())).await
    }
}

/// A session from its columns, in the order that every statement here lists them.
pub(super) fn read(r: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: row::session_id(r, 0)?,
        tenant: row::id(r, 2)?,
        service: row::id(r, 3)?,
        device: row::id(r, 4)?,
        device_class: r.get(5)?,
        generation: r.get(6)?,
        issued_at: row::time(r, 7)?,
        expires_at: row::time(r, 8)?,
        facts: row::json(r, 9)?,
        upstream: r.get::<_, Option<_>>(10)?.map(UpstreamSession),
        begun_at: row::time(r, 11)?,
    })
}
