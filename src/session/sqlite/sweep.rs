//! Removes what has expired from SQLite. A session can expire (unrefreshed) long before
//! its absolute end, by which the table is ordered; an index on `expires_at` would cost
//! every sign-on and refresh a second tree. So a sweep walks on from where the last one
//! stopped, over a bounded number of rows, on a reading connection; the writer only
//! deletes what was found, looking at each row again.

use rusqlite::Connection;

use crate::domain::Timestamp;

/// Rows looked at for each one that may be removed.
const LOOK_AT: u32 = 16;

type SessionKey = (i64, i64, String);
type Digest = [u8; 32];

/// Where the last sweep stopped; `None` is before the first row.
#[derive(Debug, Clone, Default)]
pub(super) struct Cursor {
    session: Option<SessionKey>,
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
    db: &Connection,
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
    find_sessions(db, &mut found, wanted, rows, now)?;
    if found.sessions.len() < wanted {
        find_tickets(db, &mut found, wanted, rows, now)?;
    }
    Ok(found)
}

fn find_sessions(
    db: &Connection,
    found: &mut Found,
    wanted: usize,
    rows: u32,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let mut walk = db.prepare_cached(
        "SELECT ends_at, number, tenant, expires_at <= ?5 FROM sessions
         WHERE (ends_at, number, tenant) > (?1, ?2, ?3)
         ORDER BY ends_at, number, tenant LIMIT ?4",
    )?;
    let (ends_at, number, tenant) =
        found.next.session.take().unwrap_or((i64::MIN, i64::MIN, String::new()));
    let mut walked = walk.query((ends_at, number, tenant, rows, now.secs()))?;
    let mut seen = 0;
    while let Some(r) = walked.next()? {
        seen += 1;
        let expired: bool = r.get(3)?;
        if expired || seen == rows {
            let key: SessionKey = (r.get(0)?, r.get(1)?, r.get(2)?);
            if expired {
                found.sessions.push(key.clone());
            }
            if found.sessions.len() == wanted || seen == rows {
                found.next.session = Some(key);
                break;
            }
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
    db: &Connection,
    sessions: &[SessionKey],
    tickets: &[Digest],
    now: Timestamp,
) -> rusqlite::Result<u32> {
    let mut removed = 0;
    let mut delete = db.prepare_cached(
        "DELETE FROM sessions
         WHERE ends_at = ?1 AND number = ?2 AND tenant = ?3 AND expires_at <= ?4",
    )?;
    for (ends_at, number, tenant) in sessions {
        removed += delete.execute((ends_at, number, tenant, now.secs()))?;
    }
    let mut delete =
        db.prepare_cached("DELETE FROM tickets WHERE digest = ?1 AND expires_at <= ?2")?;
    for digest in tickets {
        removed += delete.execute((digest, now.secs()))?;
    }
    Ok(u32::try_from(removed).unwrap_or(u32::MAX))
}
