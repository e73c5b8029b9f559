//! One-time tickets in SQLite. Taking one is part of `begin.rs`.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{SqliteStore, row};
use crate::domain::Timestamp;
use crate::domain::identity::OneTimeClaim;
use crate::session::{StoreError, Ticket, TicketStore, rules};

#[async_trait]
impl TicketStore for SqliteStore {
    async fn put_ticket(&self, digest: OneTimeClaim, ticket: Ticket) -> Result<(), StoreError> {
        let written = ticket.clone();
        self.writer.write(move |tx| insert(tx.db, &digest, &written)).await?;
        // A waiting sign-on weighs more than what the bound is reckoned for.
        if ticket.sign_on.is_none() {
            self.recent.remember(digest, ticket);
        }
        Ok(())
    }

    async fn peek_ticket(
        &self,
        digest: OneTimeClaim,
        now: Timestamp,
    ) -> Result<Option<Ticket>, StoreError> {
        let ticket = match self.recent.ticket(&digest) {
            Some(ticket) => Some(ticket),
            None => self.read(|view| find(view.db, &digest))?,
        };
        Ok(ticket.filter(|ticket| rules::alive(ticket.expires_at, now)))
    }
}

/// The ticket, expired or not.
fn find(db: &Connection, digest: &OneTimeClaim) -> rusqlite::Result<Option<Ticket>> {
    let mut find = db.prepare_cached(
        "SELECT tenant, service, account, expires_at, sign_on FROM tickets WHERE digest = ?1",
    )?;
    find.query_row((&digest.0,), read).optional()
}

/// Takes the ticket out, expired or not.
pub(super) fn take(db: &Connection, digest: &OneTimeClaim) -> rusqlite::Result<Option<Ticket>> {
    let mut take = db.prepare_cached(
        "DELETE FROM tickets WHERE digest = ?1
         RETURNING tenant, service, account, expires_at, sign_on",
    )?;
    take.query_row((&digest.0,), read).optional()
}

pub(super) fn insert(
    db: &Connection,
    digest: &OneTimeClaim,
    ticket: &Ticket,
) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT OR REPLACE INTO tickets (digest, tenant, service, account, expires_at, sign_on)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let Ticket { tenant, service, account, expires_at, sign_on } = ticket;
    let texts = (tenant.as_str(), service.as_str(), account.as_str());
    let sign_on = sign_on.as_ref().map(row::json_text).transpose()?;
    insert.execute((&digest.0, texts.0, texts.1, texts.2, expires_at.secs(), sign_on)).map(drop)
}

fn read(r: &Row<'_>) -> rusqlite::Result<Ticket> {
    Ok(Ticket {
        tenant: row::id(r, 0)?,
        service: row::id(r, 1)?,
        account: row::id(r, 2)?,
        expires_at: row::time(r, 3)?,
        sign_on: row::maybe_json(r, 4)?,
    })
}
