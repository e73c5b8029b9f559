//! Where a session lies in its tree: a row number that follows from its name and keeps its order. (A tree
//! whose rows have numbers holds rows in its leaves only, and finds one among five million by reading a single
//! page that is not in memory. A tree clustered on a longer key repeats whole rows above them.)
//!
//! A row number has 63 bits, 32 of the session's end and the high 31 of its number; sessions that have those in
//! common take the next rows. Numbers are random in the rest, so there is nearly always one.

use rusqlite::{Connection, OptionalExtension};

use super::memtable::SessionKey;

/// Low bits of a session's number that its row number does not have.
const CUT: u32 = 12;

/// What finds a session: the first row that it may have and the one behind the last, its end, its number
/// and its tenant.
pub(super) type Place<'a> = (i64, i64, i64, i64, &'a str);

pub(super) fn of(SessionKey(id, tenant): &SessionKey) -> Place<'_> {
    let end = id.ends_at.secs().clamp(0, i64::from(u32::MAX));
    let number = id.number.cast_signed();
    let first = end << (43 - CUT) | number >> CUT;
    (first, first.saturating_add(1 << CUT), id.ends_at.secs(), number, tenant.as_str())
}

/// The session's row.
pub(super) fn find(db: &Connection, key: &SessionKey) -> rusqlite::Result<Option<i64>> {
    let mut find = db.prepare_cached(
        "SELECT id FROM sessions
         WHERE id >= ?1 AND id < ?2 AND ends_at = ?3 AND number = ?4 AND tenant = ?5",
    )?;
    find.query_row(of(key), |r| r.get(0)).optional()
}

/// A row for a session that has none; `None` when there is no room.
pub(super) fn free(db: &Connection, key: &SessionKey) -> rusqlite::Result<Option<i64>> {
    let (first, behind, ..) = of(key);
    let mut last = db.prepare_cached("SELECT max(id) FROM sessions WHERE id >= ?1 AND id < ?2")?;
    let last: Option<i64> = last.query_row((first, behind), |r| r.get(0))?;
    Ok(Some(last.map_or(first, |last| last + 1)).filter(|free| *free < behind))
}
