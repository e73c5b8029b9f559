//! Removes what has expired from SQLite. An index on `expires_at` would cost every refresh a second
//! tree, and a walk over all sessions reads those that live for each that does not. So `due` has a row for
//! each session, in order of when it would have expired as of its beginning: a sign-on writes
//! it (a trigger does) beside the one before. The sweep looks at what is due by that, and puts what has been refreshed since off until it
//! would expire now: once in an idle lifetime for each live session, whatever its rate of refreshes.
//!
//! Tickets live for minutes and are few; they are walked over, from where the last sweep stopped.

use std::time::Duration;

use rusqlite::Connection;

use super::memtable::Tx;
use super::place::SessionRow;
use super::row;
use super::sessions::{self, Looked};
use crate::domain::Timestamp;

/// Sessions looked at within one commit: what waits for the same commit waits for that.
pub(super) const SHARE: u32 = 100;

/// Rows looked at for each one that may be removed.
pub(super) const LOOK_AT: u32 = 16;

pub(super) type Digest = [u8; 32];

/// What a look at the sessions that are due came to.
pub(super) struct Swept {
    pub(super) looked_at: u32,
    pub(super) removed: u32,
}

/// When what cannot be read is looked at again.
const UNREADABLE: Duration = Duration::from_hours(24);

/// Looks at the sessions that have been due the longest, and removes `most` of them.
pub(super) fn sessions(tx: &mut Tx<'_>, most: u32, now: Timestamp) -> rusqlite::Result<Swept> {
    let mut due = tx
        .db
        .prepare_cached("SELECT at, id FROM due WHERE at <= ?1 ORDER BY at, id LIMIT ?2")?
        .query_map((now.secs(), SHARE), |r| Ok((row::time(r, 0)?, r.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(Timestamp, i64)>>>()?;
    let mut swept = Swept { looked_at: u32::try_from(due.len()).unwrap_or(SHARE), removed: 0 };
    let Some(last) = due.last() else { return Ok(swept) };
    tx.db
        .prepare_cached("DELETE FROM due WHERE (at, id) <= (?1, ?2)")?
        .execute((last.0.secs(), last.1))?;
    // As they lie in their tree.
    due.sort_unstable_by_key(|(_, id)| *id);
    for (at, id) in due {
        if swept.removed == most {
            put_off(tx.db, id, at)?;
            continue;
        }
        match sessions::remove_expired(tx, SessionRow(id), now) {
            Ok(Looked::Removed) => swept.removed += 1,
            Ok(Looked::Alive(until)) => put_off(tx.db, id, until)?,
            Ok(Looked::Absent) => {}
            Err(error) if row::is_content(&error) => {
                tracing::error!(store.kind = "sqlite", id, %error, "cannot read what may have expired");
                put_off(tx.db, id, now.plus(UNREADABLE))?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(swept)
}

/// Has the session looked at then.
fn put_off(db: &Connection, id: i64, until: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO due (at, id) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute((until.secs(), id))
        .map(drop)
}

/// Tickets that have expired, and where the next walk goes on; `None` is the beginning.
pub(super) type Found = (Vec<Digest>, Option<Digest>);

/// Finds at most `wanted` expired tickets behind a place.
pub(super) fn tickets(
    db: &Connection,
    from: Option<Digest>,
    wanted: u32,
    now: Timestamp,
) -> rusqlite::Result<Found> {
    let mut walk = db.prepare_cached(
        "SELECT digest, expires_at <= ?3 FROM tickets WHERE digest > ?1 ORDER BY digest LIMIT ?2",
    )?;
    let after = from.as_ref().map_or(&[][..], |digest| &digest[..]);
    let rows = wanted.saturating_mul(LOOK_AT);
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    let mut walked = walk.query((after, rows, now.secs()))?;
    let (mut seen, mut found) = (0, Vec::new());
    while let Some(r) = walked.next()? {
        seen += 1;
        let digest: Digest = r.get(0)?;
        if r.get(1)? {
            found.push(digest);
        }
        if found.len() == wanted || seen == rows {
            return Ok((found, Some(digest)));
        }
    }
    Ok((found, None))
}

/// Removes tickets that are still expired; answers how many.
pub(super) fn remove_tickets(
    db: &Connection,
    tickets: &[Digest],
    now: Timestamp,
) -> rusqlite::Result<u32> {
    let mut delete =
        db.prepare_cached("DELETE FROM tickets WHERE digest = ?1 AND expires_at <= ?2")?;
    let mut removed = 0;
    for digest in tickets {
        removed += u32::from(delete.execute((digest, now.secs()))? == 1);
    }
    Ok(removed)
}
