//! What the columns of a row say, by their names: `data` is the session, `expires_at` its
//! end, `user_password` a user's hash; every other column becomes a member of its own.

use serde_json::{Map, Value};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::super::ValidateError;
use super::super::iso_time;
use super::super::stored::{Found, Stored};
use super::cell::Cell;
use crate::domain::Timestamp;

const DATA: &str = "data";
const END: &str = "expires_at";
const PASSWORD: &str = "user_password";
/// The latest time that is taken for one: the end of the year 9999.
const MAX_TIME: i64 = 253_402_300_799;

/// The session in a row.
///
/// # Errors
/// `Upstream` when it does not say when it ends, or has a type that cannot be read.
pub(super) fn found(row: &Row, stored: &Stored) -> Result<Found, ValidateError> {
    let mut found = Found::default();
    let mut says_its_end = false;
    for (name, is_json, cell) in cells(row, stored.max_bytes())? {
        match (&*name, cell) {
            (DATA, Cell::Text(text)) => found.data = Some(text.into_bytes()),
            (DATA, Cell::Bytes(bytes)) => found.data = Some(bytes),
            (DATA, Cell::Null) => {}
            (DATA, _) => return Err(upstream("data is neither text nor bytes")),
            (END, cell) => {
                says_its_end = true;
                found.end = Some(end(cell).ok_or(upstream("expires_at is no time"))?);
            }
            (_, cell) => drop(found.columns.insert(name, member(cell, is_json)?)),
        }
    }
    // Without one a session that is over would be good for ever.
    if stored.needs_an_end() && !says_its_end {
        return Err(upstream("query does not select expires_at"));
    }
    Ok(found)
}

/// The password's hash of a user's row, and its other columns.
///
/// # Errors
/// `Upstream` when the query does not select it.
pub(super) fn user(row: &Row) -> Result<(String, Map<String, Value>), ValidateError> {
    let mut columns = Map::new();
    let mut password = None;
    for (name, is_json, cell) in cells(row, 64 * 1024)? {
        match (&*name, cell) {
            (PASSWORD, Cell::Text(hash)) => password = Some(hash),
            (_, cell) => drop(columns.insert(name, member(cell, is_json)?)),
        }
    }
    Ok((password.ok_or(upstream("query does not select user_password"))?, columns))
}

fn cells(row: &Row, max_bytes: usize) -> Result<Vec<(String, bool, Cell)>, ValidateError> {
    // The columns besides the session may take as much again.
    if row.raw_size_bytes() > 2 * max_bytes {
        return Err(upstream("row is too large"));
    }
    let cell = |(at, column): (usize, &tokio_postgres::Column)| {
        let is_json = matches!(*column.type_(), Type::JSON | Type::JSONB);
        let cell = row.try_get(at);
        let name = column.name();
        let cell = cell.map_err(|_| {
            let ty = column.type_().name();
            ValidateError::Upstream(format!("column {name} is of type {ty}, which is not read"))
        })?;
        Ok((name.to_owned(), is_json, cell))
    };
    row.columns().iter().enumerate().map(cell).collect()
}

fn member(cell: Cell, is_json: bool) -> Result<Value, ValidateError> {
    match cell {
        Cell::Text(text) if is_json => {
            serde_json::from_str(&text).map_err(|_| upstream("a column is nested too deeply"))
        }
        cell => Ok(cell.into_value()),
    }
}

/// A `timestamptz`, whole seconds since the epoch, or a text with an offset. A `timestamp` says
/// nobody's time zone and is none.
fn end(cell: Cell) -> Option<Timestamp> {
    let secs = match cell {
        Cell::Time(secs) => secs,
        Cell::Plain(number) => number.as_i64()?,
        Cell::Text(text) => iso_time::parse(&text)?.secs(),
        Cell::Null | Cell::Bytes(_) => return None,
    };
    (secs >= 0).then(|| Timestamp::from_secs(secs.min(MAX_TIME)))
}

fn upstream(reason: &str) -> ValidateError {
    ValidateError::Upstream(reason.to_owned())
}
