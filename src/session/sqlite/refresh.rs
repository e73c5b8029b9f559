//! The one step that refreshes a session, inside a transaction that others share: reads
//! the session, which has its device's state, asks `rules` and does what it says.

use rusqlite::{Connection, OptionalExtension};

use super::{row, sessions};
use crate::domain::{TenantId, Timestamp};
use crate::session::rules::{self, Decision};
use crate::session::{
    DeviceState, NextPair, PresentedRefresh, RefreshError, Refreshed, Session, SessionId,
};

pub(super) fn refresh(
    db: &Connection,
    presented: &PresentedRefresh,
    next: NextPair,
    now: Timestamp,
) -> rusqlite::Result<Result<Refreshed, RefreshError>> {
    let Some((session, evicted, device)) = find(db, presented)? else {
        return Ok(Err(RefreshError::Gone));
    };
    Ok(match rules::refresh(session, evicted, device, presented, next, now) {
        Decision::Rotate(session) => {
            update(db, &session)?;
            Ok(Refreshed::Rotated(session))
        }
        Decision::Replay(session) => Ok(Refreshed::Replayed(session)),
        Decision::End(why) => {
            delete(db, &presented.tenant, presented.id)?;
            Err(why)
        }
        Decision::Refuse(why) => Err(why),
    })
}

fn find(
    db: &Connection,
    presented: &PresentedRefresh,
) -> rusqlite::Result<Option<(Session, bool, Option<DeviceState>)>> {
    let mut find = db.prepare_cached(
        "SELECT ends_at, number, tenant, service, device, device_class,
                generation, issued_at, expires_at, facts, upstream, begun_at, evicted, device_state
         FROM sessions WHERE ends_at = ?1 AND number = ?2 AND tenant = ?3",
    )?;
    find.query_row(
        (presented.id.ends_at.secs(), presented.id.number.cast_signed(), presented.tenant.as_str()),
        |r| Ok((sessions::read(r)?, r.get(12)?, row::state(r, 13)?)),
    )
    .optional()
}

fn update(db: &Connection, session: &Session) -> rusqlite::Result<()> {
    let facts = row::json_text(&session.facts)?;
    let mut update = db.prepare_cached(
        "UPDATE sessions SET generation = ?4, issued_at = ?5, expires_at = ?6, facts = ?7
         WHERE ends_at = ?1 AND number = ?2 AND tenant = ?3",
    )?;
    update
        .execute((
            session.id.ends_at.secs(),
            session.id.number.cast_signed(),
            session.tenant.as_str(),
            session.generation,
            session.issued_at.secs(),
            session.expires_at.secs(),
            facts,
        ))
        .map(drop)
}

fn delete(db: &Connection, tenant: &TenantId, id: SessionId) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM sessions WHERE ends_at = ?1 AND number = ?2 AND tenant = ?3")?
        .execute((id.ends_at.secs(), id.number.cast_signed(), tenant.as_str()))
        .map(drop)
}
