//! All sessions, a piece at a time, for an operator: in the order of the primary key, so
//! that a piece costs what it holds, wherever it begins.

use super::call::Operation;
use super::error::Error;
use super::on::On;
use super::row;
use super::value::Value;
use crate::domain::Timestamp;
use crate::session::{Page, PageStart, Session, StoreError};

/// A session's key: tenant, account, end and number.
pub(super) type Place = (String, String, i64, i64);

/// Where a page begins, from the words that an earlier one answered.
///
/// # Errors
/// [`StoreError`]: another backend's words.
pub(super) fn start(from: Option<PageStart>) -> Result<Option<Place>, StoreError> {
    from.map(|PageStart(words)| serde_json::from_str(&words))
        .transpose()
        .map_err(|_| StoreError("postgresql: this is no place among its sessions".to_owned()))
}

fn place(session: &Session) -> Place {
    let (tenant, account) = (session.tenant.to_string(), session.facts.account.id.to_string());
    (tenant, account, session.id.ends_at.secs(), session.id.number.cast_signed())
}

/// Reading a page.
pub(super) struct Read {
    pub(super) from: Option<Place>,
    pub(super) limit: u32,
    pub(super) now: Timestamp,
}

impl Operation for Read {
    type Answer = Page;

    const WRITES: bool = false;

    async fn run(&self, on: On<'_>) -> Result<Page, Error> {
        let first = Place::default();
        // Nothing that is stored has an empty tenant: all are behind this.
        let (tenant, account, ends_at, number) = self.from.as_ref().unwrap_or(&first);
        let values = [
            Value::Text(tenant),
            Value::Text(account),
            Value::Int8(*ends_at),
            Value::Int8(*number),
            Value::Int8(self.limit.into()),
        ];
        let rows = on.rows(&on.sql.page_sessions, &values).await?;
        let read = rows.iter().map(row::session).collect::<Result<Vec<_>, _>>()?;
        let is_full = rows.len() >= usize::try_from(self.limit).unwrap_or(usize::MAX);
        let last = read.last().filter(|_| is_full);
        let next = last.map(|last| PageStart(words(&place(&last.session))));
        let sessions = read.into_iter().filter_map(|stored| stored.alive(self.now)).collect();
        Ok(Page { sessions, next })
    }
}

fn words(place: &Place) -> String {
    serde_json::json!(place).to_string()
}
