//! Where a session lies in its tree: a row number that follows from its name and nearly keeps its order. (A tree
//! whose rows have numbers holds rows in its leaves only, and finds one among five million by reading a single
//! page that is not in memory. A tree clustered on a longer key repeats whole rows above them.)
//!
//! A row number has 63 bits, 32 of the session's end and the high 31 of its number. A session whose row is taken
//! has one of the next 4,095. Of numbers 20 bits count and the rest is random, so there are few in such a range.

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use crate::domain::TenantId;
use crate::session::SessionId;

/// Names a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SessionKey(pub SessionId, pub TenantId);

/// A row number, of `sessions` and of `refreshed`. A session keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct SessionRow(pub i64);

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
pub(super) fn find(db: &Connection, key: &SessionKey) -> rusqlite::Result<Option<SessionRow>> {
    let mut find = db.prepare_cached(
        "SELECT id FROM sessions
         WHERE id >= ?1 AND id < ?2 AND ends_at = ?3 AND number = ?4 AND tenant = ?5",
    )?;
    find.query_row(of(key), |r| r.get(0).map(SessionRow)).optional()
}

/// The first row that a session which has none may have; `None` when all are taken.
pub(super) fn free(db: &Connection, key: &SessionKey) -> rusqlite::Result<Option<SessionRow>> {
    let (mut free, behind, ..) = of(key);
    let mut taken =
        db.prepare_cached("SELECT id FROM sessions WHERE id >= ?1 AND id < ?2 ORDER BY id")?;
    let mut taken = taken.query((free, behind))?;
    while let Some(row) = taken.next()? {
        if row.get::<_, i64>(0)? != free {
            break;
        }
        free += 1;
    }
    Ok(Some(free).filter(|free| *free < behind).map(SessionRow))
}
