//! One-time tickets in SQLite. Taking one is part of `begin.rs`.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension};

use super::{SqliteStore, row};
use crate::domain::Timestamp;
use crate::domain::identity::OneTimeClaim;
use crate::session::{StoreError, Ticket, TicketStore, rules};

#[async_trait]
impl TicketStore for SqliteStore {
    async fn put_ticket(&self, digest: OneTimeClaim, ticket: Ticket) -> Result<(), StoreError> {
        self.writer
            .write(move |db| {
                let mut insert = db.prepare_cached(
                    "INSERT OR REPLACE INTO tickets
                         (digest, tenant, service, account, expires_at, sign_on)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?;
                let sign_on = ticket.sign_on.as_ref().map(row::json_text).transpose()?;
                insert
                    .execute((
                        &digest.0,
                        ticket.tenant.as_str(),
                        ticket.service.as_str(),
                        ticket.account.as_str(),
                        ticket.expires_at.secs(),
                        sign_on,
                    ))
                    .map(drop)
            })
            .await
    }

    async fn peek_ticket(
        &self,
        digest: OneTimeClaim,
        now: Timestamp,
    ) -> Result<Option<Ticket>, StoreError> {
        let ticket = self.readers.read(|db| find(db, &digest))?;
        Ok(ticket.filter(|ticket| rules::alive(ticket.expires_at, now)))
    }
}

/// The ticket, expired or not.
pub(super) fn find(db: &Connection, digest: &OneTimeClaim) -> rusqlite::Result<Option<Ticket>> {
    let mut find = db.prepare_cached(
        "SELECT tenant, service, account, expires_at, sign_on FROM tickets WHERE digest = ?1",
    )?;
    find.query_row((&digest.0,), |r| {
        Ok(Ticket {
            tenant: row::id(r, 0)?,
            service: row::id(r, 1)?,
            account: row::id(r, 2)?,
            expires_at: row::time(r, 3)?,
            sign_on: row::maybe_json(r, 4)?,
        })
    })
    .optional()
}

pub(super) fn delete(db: &Connection, digest: &OneTimeClaim) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM tickets WHERE digest = ?1")?.execute((&digest.0,)).map(drop)
}
