//! One piece of a walk over all sessions, in the order of the table. For operators: it reads
//! rows by the hundred, so its caller keeps it off the threads that answer requests.

use super::memtable::View;
use super::sessions;
use crate::domain::Timestamp;
use crate::session::{Page, PageStart, StoreError, rules};

/// The row that a page begins behind.
pub(super) fn place(PageStart(words): PageStart) -> Result<i64, StoreError> {
    words.parse().map_err(|_| StoreError("page begins nowhere".to_owned()))
}

pub(super) fn read(
    view: &View<'_>,
    from: Option<i64>,
    limit: u32,
    now: Timestamp,
) -> rusqlite::Result<Page> {
    let mut walk = view.db.prepare_cached(
        "SELECT ends_at, number, tenant, service, device, device_class,
                s.generation, s.issued_at, s.expires_at, facts, upstream, begun_at,
                s.id, r.generation, r.issued_at, r.expires_at, evicted
         FROM sessions AS s LEFT JOIN refreshed AS r ON r.id = s.id
         WHERE s.id > ?1 ORDER BY s.id LIMIT ?2",
    )?;
    let mut walked = walk.query((from.unwrap_or(-1), limit))?;
    let mut page = Page::default();
    let mut seen = 0;
    while let Some(r) = walked.next()? {
        seen += 1;
        if !r.get::<_, bool>(16)? {
            let session = sessions::read(view, r)?;
            if rules::alive(session.expires_at, now) {
                page.sessions.push(session);
            }
        }
        if seen == limit {
            page.next = Some(PageStart(r.get::<_, i64>(12)?.to_string()));
        }
    }
    Ok(page)
}
