//! The one step that begins a session, inside a transaction that others share. The ticket is
//! taken first, by the statement that finds it, and put back if the session may not begin. Then all
//! checks, in the order of the errors, then the changes; only the two identifiers are checked by
//! inserting them, and what was inserted before the second is taken out again.

use rusqlite::{Connection, OptionalExtension};

use super::{devices, row, tickets};
use crate::domain::Timestamp;
use crate::session::rules::{self, Held};
use crate::session::{
    BeginError, Begun, DeviceRequest, NewSession, Session, SessionId, UpstreamSession,
};

pub(super) fn begin(
    db: &Connection,
    new: &NewSession,
    now: Timestamp,
) -> rusqlite::Result<Result<Begun, BeginError>> {
    let Some(digest) = &new.claim else { return begin_claimed(db, new, now) };
    let Some(ticket) = tickets::take(db, digest)? else { return Ok(Err(BeginError::ClaimGone)) };
    let begun = if rules::honours(&ticket, new, now) {
        begin_claimed(db, new, now)
    } else {
        Ok(Err(BeginError::ClaimGone))
    };
    if !matches!(begun, Ok(Ok(_))) {
        tickets::insert(db, digest, &ticket)?;
    }
    begun
}

/// Begins a session whose claim, if it has one, is taken.
fn begin_claimed(
    db: &Connection,
    new: &NewSession,
    now: Timestamp,
) -> rusqlite::Result<Result<Begun, BeginError>> {
    let device_class = match admit(db, new)? {
        Ok(class) => class,
        Err(refused) => return Ok(Err(refused)),
    };
    let evicted = match room(db, new, now)? {
        Ok(evicted) => evicted,
        Err(refused) => return Ok(Err(refused)),
    };
    let session = rules::first(new, device_class, now);
    let facts = row::json_text(&session.facts)?;

    if let DeviceRequest::Register { device, .. } = &new.device
        && !devices::insert(db, &new.tenant, device)?
    {
        return Ok(Err(BeginError::Conflict));
    }
    if !insert(db, &session, &facts, now)? {
        if let DeviceRequest::Register { device, .. } = &new.device {
            devices::delete(db, &new.tenant, device)?;
        }
        return Ok(Err(BeginError::Conflict));
    }
    for id in &evicted {
        evict(db, new.tenant.as_str(), *id)?;
    }
    Ok(Ok(Begun { session, evicted }))
}

/// The class of the device that the session would run on, if it may.
fn admit(
    db: &Connection,
    new: &NewSession,
) -> rusqlite::Result<Result<Option<String>, BeginError>> {
    let account = &new.facts.account.id;
    match &new.device {
        DeviceRequest::Existing(id) => {
            let mut find = db.prepare_cached(
                "SELECT state, class FROM devices WHERE tenant = ?1 AND account = ?2 AND id = ?3",
            )?;
            let found = find
                .query_row((new.tenant.as_str(), account.as_str(), id.as_str()), |r| {
                    Ok((row::state(r, 0)?, r.get(1)?))
                })
                .optional()?;
            let (state, class) = found.unwrap_or((None, None));
            Ok(rules::usable(state).map(|()| class))
        }
        DeviceRequest::Register { device, .. } if device.account != *account => {
            Ok(Err(BeginError::DeviceUnknown))
        }
        DeviceRequest::Register { device, limits } => {
            let full = devices::full(db, &new.tenant, device, *limits)?;
            Ok(if full { Err(BeginError::DeviceLimit) } else { Ok(device.class.clone()) })
        }
    }
}

/// Whom the session would evict, if it may begin at all.
fn room(
    db: &Connection,
    new: &NewSession,
    now: Timestamp,
) -> rusqlite::Result<Result<Vec<SessionId>, BeginError>> {
    let Some(limit) = new.limit else { return Ok(Ok(Vec::new())) };
    let mut alive = db.prepare_cached(
        "SELECT ends_at, number, upstream, begun_at, issued_at FROM sessions
         WHERE tenant = ?1 AND account = ?2 AND evicted = 0 AND expires_at > ?3",
    )?;
    let key = (new.tenant.as_str(), new.facts.account.id.as_str(), now.secs());
    let held = alive.query_map(key, |r| {
        Ok(Held {
            id: row::session_id(r, 0)?,
            upstream: r.get::<_, Option<_>>(2)?.map(UpstreamSession),
            begun_at: row::time(r, 3)?,
            issued_at: row::time(r, 4)?,
        })
    })?;
    let held: Vec<_> = held.collect::<rusqlite::Result<_>>()?;
    Ok(rules::room(&held, new.upstream, limit))
}

fn evict(db: &Connection, tenant: &str, id: SessionId) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE sessions SET evicted = 1 WHERE ends_at = ?1 AND number = ?2 AND tenant = ?3",
    )?
    .execute((id.ends_at.secs(), id.number.cast_signed(), tenant))
    .map(drop)
}

/// Inserts the session, over an expired one if need be; `false` when a live one has its key.
fn insert(
    db: &Connection,
    session: &Session,
    facts: &str,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let mut insert = db.prepare_cached(
        "INSERT INTO sessions (ends_at, number, tenant, service, device, device_class,
                               generation, issued_at, expires_at, facts, account, upstream,
                               begun_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT DO UPDATE SET
             service = excluded.service, device = excluded.device,
             device_class = excluded.device_class, generation = excluded.generation,
             issued_at = excluded.issued_at, expires_at = excluded.expires_at,
             facts = excluded.facts, account = excluded.account,
             upstream = excluded.upstream, begun_at = excluded.begun_at, evicted = 0,
             device_state = 0
         WHERE sessions.expires_at <= ?14",
    )?;
    let changed = insert.execute((
        session.id.ends_at.secs(),
        session.id.number.cast_signed(),
        session.tenant.as_str(),
        session.service.as_str(),
        session.device.as_str(),
        &session.device_class,
        session.generation,
        session.issued_at.secs(),
        session.expires_at.secs(),
        facts,
        session.facts.account.id.as_str(),
        session.upstream.map(|upstream| upstream.0),
        session.begun_at.secs(),
        now.secs(),
    ))?;
    Ok(changed == 1)
}
