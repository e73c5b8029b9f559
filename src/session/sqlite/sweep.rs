//! Removes what has expired from SQLite. A session can expire (unrefreshed) long before
//! its absolute end, by which the table is ordered; an index on `expires_at` would cost
//! every sign-on and refresh a second tree. So a sweep walks on from where the last one
//! stopped, over a bounded number of rows, on a reading connection; the writer only
//! deletes what was found, looking at each row again.

use rusqlite::Connection;

use super::memtable::{SessionKey, Tx, View};
use super::{row, sessions};
use crate::domain::Timestamp;
use crate::session::rules;

/// Rows looked at for each one that may be removed.
const LOOK_AT: u32 = 16;

type Digest = [u8; 32];

/// Where the last sweep stopped; `None` is before the first row.
#[derive(Debug, Clone, Default)]
pub(super) struct Cursor {
    session: Option<i64>,
    ticket: Option<Digest>,
}

/// What a sweep found to have expired.
pub(super) struct Found {
    pub(super) sessions: Vec<SessionKey>,
    pub(super) tickets: Vec<Digest>,
    /// Where the next one goes on.
    pub(super) next: Cursor,
}

/// Finds at most `limit` expired rows behind the cursor.
pub(super) fn find(
    view: &View<'_>,
    from: Cursor,
    limit: u32,
    now: Timestamp,
) -> rusqlite::Result<Found> {
    let mut found = Found { sessions: Vec::new(), tickets: Vec::new(), next: from };
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    if wanted == 0 {
        return Ok(found);
    }
    let rows = limit.saturating_mul(LOOK_AT);
    find_sessions(view, &mut found, wanted, rows, now)?;
    if found.sessions.len() < wanted {
        find_tickets(view.db, &mut found, wanted, rows, now)?;
    }
    Ok(found)
}

fn find_sessions(
    view: &View<'_>,
    found: &mut Found,
    wanted: usize,
    rows: u32,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let mut walk = view.db.prepare_cached(
        "SELECT ends_at, number, tenant, generation, expires_at, id FROM sessions
         WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let mut walked = walk.query((found.next.session.take().unwrap_or(-1), rows))?;
    let mut seen = 0;
    while let Some(r) = walked.next()? {
        seen += 1;
        // What the tree has as alive is, unless a refresh gave it less time: then it is found when it is merged.
        if !rules::alive(row::time(r, 4)?, now) {
            let key = SessionKey(row::session_id(r, 0)?, row::id(r, 2)?);
            if !rules::alive(view.expiry(&key, r.get(3)?, row::time(r, 4)?), now) {
                found.sessions.push(key);
            }
        }
        if found.sessions.len() == wanted || seen == rows {
            found.next.session = Some(r.get(5)?);
            break;
        }
    }
    Ok(())
}

fn find_tickets(
    db: &Connection,
    found: &mut Found,
    wanted: usize,
    rows: u32,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let mut walk = db.prepare_cached(
        "SELECT digest, expires_at <= ?3 FROM tickets WHERE digest > ?1 ORDER BY digest LIMIT ?2",
    )?;
    let after = found.next.ticket.take();
    let after = after.as_ref().map_or(&[][..], |digest| &digest[..]);
    let mut walked = walk.query((after, rows, now.secs()))?;
    let mut seen = 0;
    while let Some(r) = walked.next()? {
        seen += 1;
        let digest: Digest = r.get(0)?;
        if r.get(1)? {
            found.tickets.push(digest);
        }
        if found.sessions.len() + found.tickets.len() == wanted || seen == rows {
            found.next.ticket = Some(digest);
            break;
        }
    }
    Ok(())
}

/// Removes the rows that are still expired; answers how many.
pub(super) fn remove(
    tx: &mut Tx<'_>,
    expired: &[SessionKey],
    tickets: &[Digest],
    now: Timestamp,
) -> rusqlite::Result<u32> {
    let mut removed = 0;
    for key in expired {
        removed += u32::from(sessions::remove_expired(tx, key, now)?);
    }
    let mut delete =
        tx.db.prepare_cached("DELETE FROM tickets WHERE digest = ?1 AND expires_at <= ?2")?;
    for digest in tickets {
        removed += u32::from(delete.execute((digest, now.secs()))? == 1);
    }
    Ok(removed)
}
