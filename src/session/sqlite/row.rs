//! How values stand in columns, both ways, and what a database error means to a caller.
//! A stored value that cannot be read is an error of its own row, never a default.

use rusqlite::types::{Type, ValueRef};
use rusqlite::{Error, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::Timestamp;
use crate::session::{DeviceState, SessionId, StoreError};

/// A column that holds an identifier.
pub(super) fn id<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: TryFrom<String, Error = crate::domain::ids::InvalidId>,
{
    T::try_from(row.get::<_, String>(column)?).map_err(|e| unreadable(column, Type::Text, e))
}

/// A column that holds a time.
pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_secs)
}

/// A column that holds a JSON document.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|e| {
        // The parser's own message may quote the text.
        let place = format!("stored document does not parse at column {}", e.column());
        unreadable(column, Type::Text, std::io::Error::other(place))
    })
}

/// The same, or null.
pub(super) fn maybe_json<T: DeserializeOwned>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<Option<T>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => json(row, column).map(Some),
    }
}

/// A document as it is stored: compact JSON.
pub(super) fn json_text<T: Serialize>(document: &T) -> rusqlite::Result<String> {
    serde_json::to_string(document).map_err(|e| Error::ToSqlConversionFailure(Box::new(e)))
}

/// Columns that hold a session's id: its end and its number.
pub(super) fn session_id(row: &Row<'_>, column: usize) -> rusqlite::Result<SessionId> {
    let number = row.get::<_, i64>(column + 1)?.cast_unsigned();
    Ok(SessionId { ends_at: time(row, column)?, number })
}

/// A column that holds a device's state; `None` when it is null.
pub(super) fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<DeviceState>> {
    match row.get::<_, Option<i64>>(column)? {
        None => Ok(None),
        Some(0) => Ok(Some(DeviceState::Active)),
        Some(1) => Ok(Some(DeviceState::Disabled)),
        Some(2) => Ok(Some(DeviceState::Deleted)),
        Some(other) => Err(Error::IntegralValueOutOfRange(column, other)),
    }
}

/// A device's state as it is stored.
pub(super) fn state_number(state: DeviceState) -> i64 {
    match state {
        DeviceState::Active => 0,
        DeviceState::Disabled => 1,
        DeviceState::Deleted => 2,
    }
}

/// What a caller is told.
pub(super) fn unavailable(error: &Error) -> StoreError {
    StoreError(format!("sqlite: {error}"))
}

/// Whether the error is about one row's content, so that other requests of the same
/// transaction need not fail with it. Holds because every request reads first and
/// writes after.
pub(super) fn is_content(error: &Error) -> bool {
    !matches!(error, Error::SqliteFailure(..) | Error::SqlInputError { .. })
}

fn unreadable(
    column: usize,
    kind: Type,
    error: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    Error::FromSqlConversionFailure(column, kind, Box::new(error))
}
