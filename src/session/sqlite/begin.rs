//! The one step that begins a session, inside a transaction that others share. The ticket is
//! taken first, by the statement that finds it, and put back if the session may not begin. Then all
//! checks, in the order of the errors, then the changes; only the session's own identifier is checked by
//! inserting it.

use super::memtable::{AccountKey, Change, Tx};
use super::place::{self, SessionKey, SessionRow};
use super::sessions::{self, Looked};
use super::{accounts, row, tickets};
use crate::domain::Timestamp;
use crate::session::rules;
use crate::session::{BeginError, Begun, DeviceRequest, NewSession, Session, SessionId};

pub(super) fn begin(
    tx: &mut Tx<'_>,
    new: &NewSession,
    now: Timestamp,
) -> rusqlite::Result<Result<Begun, BeginError>> {
    let Some(digest) = &new.claim else { return begin_claimed(tx, new, now) };
    let Some(ticket) = tickets::take(tx.db, digest)? else { return Ok(Err(BeginError::ClaimGone)) };
    let begun = if rules::honours(&ticket, new, now) {
        begin_claimed(tx, new, now)
    } else {
        Ok(Err(BeginError::ClaimGone))
    };
    if !matches!(begun, Ok(Ok(_))) {
        tickets::insert(tx.db, digest, &ticket)?;
    }
    begun
}

/// Begins a session whose claim, if it has one, is taken.
fn begin_claimed(
    tx: &mut Tx<'_>,
    new: &NewSession,
    now: Timestamp,
) -> rusqlite::Result<Result<Begun, BeginError>> {
    let account = AccountKey(new.tenant.clone(), new.facts.account.id.clone());
    let device_class = match admit(tx, new, &account)? {
        Ok(class) => class,
        Err(refused) => return Ok(Err(refused)),
    };
    let evicted = match room(tx, new, &account, now)? {
        Ok(evicted) => evicted,
        Err(refused) => return Ok(Err(refused)),
    };
    let device = match &new.device {
        DeviceRequest::Register { device, .. } => Some(device),
        DeviceRequest::Existing(_) => None,
    };
    if let Some(device) = device
        && accounts::is_registered(tx, &account, &device.id)?
    {
        return Ok(Err(BeginError::Conflict));
    }
    let session = rules::first(new, device_class, now);
    if !insert(tx, &session, now)? {
        return Ok(Err(BeginError::Conflict));
    }
    tx.change(Change::Begun(account.clone(), session.id, device.cloned()))?;
    for id in &evicted {
        evict(tx, &account, *id)?;
    }
    Ok(Ok(Begun { session, evicted }))
}

/// The class of the device that the session would run on, if it may.
fn admit(
    tx: &Tx<'_>,
    new: &NewSession,
    account: &AccountKey,
) -> rusqlite::Result<Result<Option<String>, BeginError>> {
    match &new.device {
        DeviceRequest::Existing(id) => {
            let (state, class) = match accounts::device(tx, account, id)? {
                Some(device) => (Some(device.state), device.class),
                None => (None, None),
            };
            Ok(rules::usable(state).map(|()| class))
        }
        DeviceRequest::Register { device, .. } if device.account != account.1 => {
            Ok(Err(BeginError::DeviceUnknown))
        }
        DeviceRequest::Register { device, limits } => {
            let full = accounts::full(tx, account, device.class.as_deref(), *limits)?;
            Ok(if full { Err(BeginError::DeviceLimit) } else { Ok(device.class.clone()) })
        }
    }
}

/// Whom the session would evict, if it may begin at all.
fn room(
    tx: &Tx<'_>,
    new: &NewSession,
    account: &AccountKey,
    now: Timestamp,
) -> rusqlite::Result<Result<Vec<SessionId>, BeginError>> {
    let Some(limit) = new.limit else { return Ok(Ok(Vec::new())) };
    let held = sessions::alive(tx, account, now)?;
    let held: Vec<_> = held.iter().map(rules::Held::of).collect();
    Ok(rules::room(&held, new.upstream, limit))
}

/// The session stays for what its client is to be told, and its account no longer has it: whoever signs on again and
/// again would make each sign-on look at all of those.
fn evict(tx: &mut Tx<'_>, account: &AccountKey, id: SessionId) -> rusqlite::Result<()> {
    tx.db
        .prepare_cached(
            "UPDATE sessions SET evicted = 1
             WHERE id >= ?1 AND id < ?2 AND ends_at = ?3 AND number = ?4 AND tenant = ?5",
        )?
        .execute(place::of(&SessionKey(id, account.0.clone())))?;
    accounts::forget(tx, account, id)
}

/// Inserts the session, over an expired one if need be; `false` when a live one has its name.
fn insert(tx: &mut Tx<'_>, session: &Session, now: Timestamp) -> rusqlite::Result<bool> {
    let key = SessionKey(session.id, session.tenant.clone());
    if let Some(taken) = place::find(tx.db, &key)?
        && let Looked::Alive(_) = sessions::remove_expired(tx, taken, now)?
    {
        return Ok(false);
    }
    let Some(SessionRow(id)) = place::free(tx.db, &key)? else { return Ok(false) };
    let mut insert = tx.db.prepare_cached(
        "INSERT INTO sessions (id, ends_at, number, tenant, service, device, device_class,
                               generation, issued_at, expires_at, facts, account, upstream,
                               begun_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    insert.execute((
        id,
        session.id.ends_at.secs(),
        session.id.number.cast_signed(),
        session.tenant.as_str(),
        session.service.as_str(),
        session.device.as_str(),
        &session.device_class,
        session.generation,
        session.issued_at.secs(),
        session.expires_at.secs(),
        row::json_text(&session.facts)?,
        session.facts.account.id.as_str(),
        session.upstream.map(|upstream| upstream.0),
        session.begun_at.secs(),
    ))?;
    Ok(true)
}
