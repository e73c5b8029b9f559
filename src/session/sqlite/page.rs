//! One piece of a walk over all sessions, in the order of the table. For operators: it reads
//! rows by the hundred, so its caller keeps it off the threads that answer requests.

use rusqlite::Connection;

use super::{row, sessions};
use crate::domain::{TenantId, Timestamp};
use crate::session::{Page, PageStart, SessionId};

pub(super) fn read(
    db: &Connection,
    from: Option<(SessionId, TenantId)>,
    limit: u32,
    now: Timestamp,
) -> rusqlite::Result<Page> {
    let mut walk = db.prepare_cached(
        "SELECT ends_at, number, tenant, service, device, device_class,
                generation, issued_at, expires_at, facts, upstream, begun_at,
                expires_at > ?5 AND evicted = 0
         FROM sessions WHERE (ends_at, number, tenant) > (?1, ?2, ?3)
         ORDER BY ends_at, number, tenant LIMIT ?4",
    )?;
    let (end, number, tenant) = match &from {
        Some((id, tenant)) => (id.ends_at.secs(), id.number.cast_signed(), tenant.as_str()),
        None => (i64::MIN, i64::MIN, ""),
    };
    let mut walked = walk.query((end, number, tenant, limit, now.secs()))?;
    let mut page = Page::default();
    let mut seen = 0;
    while let Some(r) = walked.next()? {
        seen += 1;
        if r.get(12)? {
            page.sessions.push(sessions::read(r)?);
        }
        if seen == limit {
            page.next = Some(PageStart::behind(row::session_id(r, 0)?, &row::id(r, 2)?));
        }
    }
    Ok(page)
}
