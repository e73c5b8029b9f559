//! The one step that refreshes a session, inside a transaction that others share: reads
//! the session, which has its device's state, asks `rules` and does what it says.

use rusqlite::{Connection, OptionalExtension};

use super::memtable::{AccountKey, Change, Generation, Tx};
use super::place::{self, SessionKey, SessionRow};
use super::{accounts, refreshed, row, sessions};
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
    let Some(Found { row, session, evicted, device }) = find(tx, &key)? else {
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
                tx.change(Change::Refreshed(row, Generation::of(&session)))?;
            } else {
                update(tx.db, row, &session)?;
            }
            Ok(Refreshed::Rotated(session))
        }
        Decision::Replay(session) => Ok(Refreshed::Replayed(session)),
        Decision::End(why) => {
            sessions::remove_row(tx, row, (key.0, &owner))?;
            Err(why)
        }
        Decision::Refuse(why) => Err(why),
    })
}

/// A session, evicted or not, and its device's state.
struct Found {
    row: SessionRow,
    session: Session,
    evicted: bool,
    device: Option<DeviceState>,
}

fn find(tx: &Tx<'_>, key: &SessionKey) -> rusqlite::Result<Option<Found>> {
    let mut find = tx.db.prepare_cached(
        "SELECT ends_at, number, tenant, service, device, device_class,
                generation, issued_at, expires_at, facts, upstream, begun_at,
                id, evicted, device_state
         FROM sessions
         WHERE id >= ?1 AND id < ?2 AND ends_at = ?3 AND number = ?4 AND tenant = ?5",
    )?;
    let found = find.query_row(place::of(key), |r| {
        let row = SessionRow(r.get(12)?);
        let session = sessions::read_as(r, refreshed::newest_in((tx, row), r, 6)?)?;
        Ok(Found { row, session, evicted: r.get(13)?, device: row::state(r, 14)? })
    });
    found.optional()
}

/// Writes a refresh to the session's row, with what the new pair says.
fn update(db: &Connection, SessionRow(id): SessionRow, session: &Session) -> rusqlite::Result<()> {
    let mut update = db.prepare_cached(
        "UPDATE sessions SET generation = ?2, issued_at = ?3, expires_at = ?4, facts = ?5
         WHERE id = ?1",
    )?;
    update
        .execute((
            id,
            session.generation,
            session.issued_at.secs(),
            session.expires_at.secs(),
            row::json_text(&session.facts)?,
        ))
        .map(drop)
}
