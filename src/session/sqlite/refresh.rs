//! The one step that refreshes a session, inside a transaction that others share: reads
//! the session, which has its device's state, asks `rules` and does what it says.

use rusqlite::{Connection, OptionalExtension};

use super::memtable::{AccountKey, Change, Generation, SessionKey, Tx, View};
use super::{accounts, place, row, sessions};
use crate::domain::Timestamp;
use crate::session::rules::{self, Decision};
use crate::session::{DeviceState, NextPair, PresentedRefresh, RefreshError, Refreshed, Session};

pub(super) fn refresh(
    tx: &mut Tx<'_>,
    presented: &PresentedRefresh,
    next: NextPair,
    now: Timestamp,
) -> rusqlite::Result<Result<Refreshed, RefreshError>> {
    let key = SessionKey(presented.id, presented.tenant.clone());
    let Some((session, evicted, device)) = find(tx, &key)? else {
        return Ok(Err(RefreshError::Gone));
    };
    let owner = AccountKey(presented.tenant.clone(), session.facts.account.id.clone());
    let says_the_same = session.facts.on_network == next.on_network
        && next.account.as_ref().is_none_or(|account| *account == session.facts.account);
    let device = match evicted {
        false => device,
        // Its account does not know it any more, nor does what changes the device.
        true => accounts::device(tx, &owner, &session.device)?.map(|device| device.state),
    };
    Ok(match rules::refresh(session, evicted, device, presented, next, now) {
        Decision::Rotate(session) => {
            if says_the_same {
                tx.change(Change::Refreshed(key, Generation::of(&session)))?;
            } else {
                update(tx.db, &key, &session)?;
            }
            Ok(Refreshed::Rotated(session))
        }
        Decision::Replay(session) => Ok(Refreshed::Replayed(session)),
        Decision::End(why) => {
            sessions::remove(tx, &key, &owner)?;
            Err(why)
        }
        Decision::Refuse(why) => Err(why),
    })
}

fn find(
    view: &View<'_>,
    key: &SessionKey,
) -> rusqlite::Result<Option<(Session, bool, Option<DeviceState>)>> {
    let generation = view.generation(key);
    let mut find = view.db.prepare_cached(
        "SELECT ends_at, number, tenant, service, device, device_class,
                generation, issued_at, expires_at, facts, upstream, begun_at, evicted, device_state
         FROM sessions
         WHERE id >= ?1 AND id < ?2 AND ends_at = ?3 AND number = ?4 AND tenant = ?5",
    )?;
    let found = find.query_row(place::of(key), |r| {
        let session = Generation::newest(sessions::read(r)?, generation);
        Ok((session, r.get(12)?, row::state(r, 13)?))
    });
    found.optional()
}

/// Writes a refresh to the tree, with what the new pair says.
fn update(db: &Connection, key: &SessionKey, session: &Session) -> rusqlite::Result<()> {
    let Some(place) = place::find(db, key)? else { return Ok(()) };
    let mut update = db.prepare_cached(
        "UPDATE sessions SET generation = ?2, issued_at = ?3, expires_at = ?4, facts = ?5
         WHERE id = ?1",
    )?;
    update
        .execute((
            place,
            session.generation,
            session.issued_at.secs(),
            session.expires_at.secs(),
            row::json_text(&session.facts)?,
        ))
        .map(drop)
}

/// Writes an older refresh to the tree, unless that has a newer one.
pub(super) fn store(
    db: &Connection,
    key: &SessionKey,
    Generation(number, issued_at, expires_at): Generation,
) -> rusqlite::Result<()> {
    let mut update = db.prepare_cached(
        "UPDATE sessions SET generation = ?6, issued_at = ?7, expires_at = ?8
         WHERE id >= ?1 AND id < ?2 AND ends_at = ?3 AND number = ?4 AND tenant = ?5
               AND generation < ?6",
    )?;
    let (first, behind, end, id, tenant) = place::of(key);
    let (issued, expires) = (issued_at.secs(), expires_at.secs());
    update.execute((first, behind, end, id, tenant, number, issued, expires)).map(drop)
}
