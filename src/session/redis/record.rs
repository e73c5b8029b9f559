//! How values stand in Redis: lines of text that scripts take apart with patterns and people
//! can read. Ids of devices and services have no line break, and neither has JSON.
//!
//! * Session, in the field `end.number`: `generation issued expires on_network begun
//!   authenticated upstream`, device, service, class (JSON), account (JSON).
//! * Device, in the field of its id: state (`a`, `d` disabled, `x` deleted) and class (JSON),
//!   when it was registered, name (JSON), information (JSON).
//! * Ticket: when it expires, service, the waiting sign-on (JSON).
//! * Note on an ended session: when it would have expired, device, service.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::unreadable;
use crate::domain::{AccountId, DeviceId, ServiceName, TenantId, Timestamp};
use crate::session::{
    Device, DeviceState, Facts, Session, SessionId, StoreError, Ticket, UpstreamSession,
};

/// As JSON, which has no line break.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError("redis: a value has no json".to_owned()))
}

/// The field of a session in its account's hash.
pub(super) fn field(id: SessionId) -> String {
    format!("{}.{}", id.ends_at.secs(), id.number)
}

/// The session of a field.
pub(super) fn session_id(field: &str) -> Option<SessionId> {
    let (ends_at, number) = field.split_once('.')?;
    let ends_at = Timestamp::from_secs(ends_at.parse().ok()?);
    Some(SessionId { ends_at, number: number.parse().ok()? })
}

/// What no refresh changes of whose a session is: device and service.
pub(super) fn owner(device: &DeviceId, service: &ServiceName) -> String {
    format!("{device}\n{service}")
}

/// The upstream session as text.
pub(super) fn upstream(upstream: Option<UpstreamSession>) -> String {
    upstream.map_or_else(|| "-".to_owned(), |upstream| URL_SAFE_NO_PAD.encode(upstream.0))
}

/// A session's record up to its class.
pub(super) fn head(session: &Session) -> String {
    format!(
        "{} {} {} {} {} {} {}\n{}\n",
        session.generation,
        session.issued_at.secs(),
        session.expires_at.secs(),
        u8::from(session.facts.on_network),
        session.begun_at.secs(),
        session.facts.authenticated_at.secs(),
        upstream(session.upstream),
        owner(&session.device, &session.service),
    )
}

/// A session from its record.
pub(super) fn session(
    tenant: &TenantId,
    id: SessionId,
    record: &[u8],
) -> Result<Session, StoreError> {
    let read = || {
        let mut lines = std::str::from_utf8(record).ok()?.splitn(5, '\n');
        let mut words = lines.next()?.split(' ');
        let generation = words.next()?.parse().ok()?;
        let (issued_at, expires_at) = (time(words.next()?)?, time(words.next()?)?);
        let on_network = words.next()? == "1";
        let (begun_at, authenticated_at) = (time(words.next()?)?, time(words.next()?)?);
        let upstream = read_upstream(words.next()?)?;
        let device = DeviceId::parse(lines.next()?).ok()?;
        let service = ServiceName::parse(lines.next()?).ok()?;
        let device_class = parsed(lines.next()?)?;
        let account = parsed(lines.next()?)?;
        Some(Session {
            id,
            tenant: tenant.clone(),
            service,
            device,
            device_class,
            upstream,
            begun_at,
            generation,
            issued_at,
            expires_at,
            facts: Facts { account, on_network, authenticated_at },
        })
    };
    read().ok_or_else(|| unreadable("session"))
}

/// A new device's record.
pub(super) fn device_record(device: &Device) -> Result<String, StoreError> {
    Ok(format!(
        "{}{}\n{}\n{}\n{}",
        state_letter(device.state),
        json(&device.class)?,
        device.registered_at.secs(),
        json(&device.name)?,
        json(&device.information)?,
    ))
}

/// A device from its record.
pub(super) fn device(account: &AccountId, id: &str, record: &[u8]) -> Result<Device, StoreError> {
    let read = || {
        let mut lines = std::str::from_utf8(record).ok()?.splitn(4, '\n');
        let (state, class) = lines.next()?.split_at_checked(1)?;
        Some(Device {
            id: DeviceId::parse(id).ok()?,
            account: account.clone(),
            class: parsed(class)?,
            state: state_of(state)?,
            registered_at: time(lines.next()?)?,
            name: parsed(lines.next()?)?,
            information: parsed(lines.next()?)?,
        })
    };
    read().ok_or_else(|| unreadable("device"))
}

/// The state at the beginning of a device's record.
pub(super) fn device_state(record: &[u8]) -> Result<DeviceState, StoreError> {
    let letter = record.get(..1).and_then(|letter| std::str::from_utf8(letter).ok());
    letter.and_then(state_of).ok_or_else(|| unreadable("device"))
}

pub(super) fn state_letter(state: DeviceState) -> &'static str {
    match state {
        DeviceState::Active => "a",
        DeviceState::Disabled => "d",
        DeviceState::Deleted => "x",
    }
}

fn state_of(letter: &str) -> Option<DeviceState> {
    match letter {
        "a" => Some(DeviceState::Active),
        "d" => Some(DeviceState::Disabled),
        "x" => Some(DeviceState::Deleted),
        _ => None,
    }
}

/// A ticket's record.
pub(super) fn ticket_record(ticket: &Ticket) -> Result<String, StoreError> {
    let sign_on = json(&ticket.sign_on)?;
    Ok(format!("{}\n{}\n{sign_on}", ticket.expires_at.secs(), ticket.service))
}

/// A ticket from its record.
pub(super) fn ticket(
    tenant: TenantId,
    account: AccountId,
    record: &[u8],
) -> Result<Ticket, StoreError> {
    let read = || {
        let mut lines = std::str::from_utf8(record).ok()?.splitn(3, '\n');
        let (expires_at, service) = (time(lines.next()?)?, lines.next()?);
        Some(Ticket {
            tenant,
            service: ServiceName::parse(service).ok()?,
            account,
            expires_at,
            sign_on: parsed(lines.next()?)?,
        })
    };
    read().ok_or_else(|| unreadable("ticket"))
}

/// When a session that was ended would have expired, and whose it was ([`owner`]).
pub(super) fn note(record: &[u8]) -> Result<(Timestamp, &str), StoreError> {
    let read = || {
        let (expires_at, owner) = std::str::from_utf8(record).ok()?.split_once('\n')?;
        Some((time(expires_at)?, owner))
    };
    read().ok_or_else(|| unreadable("note"))
}

fn read_upstream(text: &str) -> Option<Option<UpstreamSession>> {
    if text == "-" {
        return Some(None);
    }
    let digest = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
    Some(Some(UpstreamSession(digest)))
}

fn parsed<T: DeserializeOwned>(json: &str) -> Option<T> {
    serde_json::from_str(json).ok()
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().map(Timestamp::from_secs)
}

#[cfg(test)]
mod tests;
