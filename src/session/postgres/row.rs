//! How values stand in columns, both ways. A stored value that cannot be read is an error
//! of its own row, never a default, and its text is not quoted.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::error::Error;
use super::value::Value;
use crate::domain::{AccountId, TenantId, Timestamp};
use crate::session::{
    Device, DeviceState, Facts, NextPair, PresentedRefresh, Session, SessionId, Ticket,
    UpstreamSession, rules,
};

/// Names an account's rows: parameters 1 and 2.
pub(super) fn owner<'a>(tenant: &'a TenantId, account: &'a AccountId) -> [Value<'a>; 2] {
    [Value::Text(tenant.as_str()), Value::Text(account.as_str())]
}

/// Names a session: parameters 1 to 4.
pub(super) fn key<'a>(
    tenant: &'a TenantId,
    account: &'a AccountId,
    id: SessionId,
) -> [Value<'a>; 4] {
    let [tenant, account] = owner(tenant, account);
    [tenant, account, Value::Int8(id.ends_at.secs()), Value::Int8(id.number.cast_signed())]
}

/// All parameters of a statement.
pub(super) fn with<'a>(first: &[Value<'a>], more: &[Value<'a>]) -> Vec<Value<'a>> {
    [first, more].concat()
}

/// A session as it is stored.
pub(super) struct Stored {
    pub(super) session: Session,
    /// It was ended, and its refresh token is to be told so.
    pub(super) evicted: bool,
    /// Its device's.
    pub(super) device: DeviceState,
}

impl Stored {
    /// The session, if it is alive.
    pub(super) fn alive(self, now: Timestamp) -> Option<Session> {
        let is_alive = !self.evicted && rules::alive(self.session.expires_at, now);
        is_alive.then_some(self.session)
    }
}

/// The session that `sql.rotate` made of the presented one.
pub(super) fn rotated(
    row: &Row,
    presented: &PresentedRefresh,
    next: &NextPair,
    now: Timestamp,
) -> Result<Session, Error> {
    Ok(Session {
        id: presented.id,
        tenant: presented.tenant.clone(),
        service: next.service.clone(),
        device: presented.device.clone(),
        device_class: words(row, 0)?,
        upstream: upstream(row, 1)?,
        begun_at: time(row, 2)?,
        generation: presented.generation.saturating_add(1),
        issued_at: now,
        expires_at: time(row, 3)?,
        facts: Facts {
            account: json(column(row, 4)?)?,
            on_network: next.on_network,
            authenticated_at: time(row, 5)?,
        },
    })
}

/// A session from the columns of `sql.rs`.
pub(super) fn session(row: &Row) -> Result<Stored, Error> {
    let session = Session {
        id: SessionId { ends_at: time(row, 2)?, number: column::<i64>(row, 3)?.cast_unsigned() },
        tenant: id(row, 0)?,
        service: id(row, 4)?,
        device: id(row, 5)?,
        device_class: words(row, 6)?,
        upstream: upstream(row, 7)?,
        begun_at: time(row, 8)?,
        generation: u32::try_from(column::<i32>(row, 9)?)
            .map_err(|_| unreadable("a generation"))?,
        issued_at: time(row, 10)?,
        expires_at: time(row, 11)?,
        facts: Facts {
            account: json(column(row, 12)?)?,
            on_network: column(row, 13)?,
            authenticated_at: time(row, 14)?,
        },
    };
    Ok(Stored { session, evicted: column(row, 15)?, device: state(column(row, 16)?)? })
}

/// A ticket from the columns of `sql.rs`.
pub(super) fn ticket(row: &Row) -> Result<Ticket, Error> {
    Ok(Ticket {
        tenant: id(row, 0)?,
        service: id(row, 1)?,
        account: id(row, 2)?,
        expires_at: time(row, 3)?,
        sign_on: column::<Option<&str>>(row, 4)?.map(json).transpose()?,
    })
}

/// A device from the columns of `sql.rs`.
pub(super) fn device(row: &Row) -> Result<Device, Error> {
    Ok(Device {
        id: id(row, 0)?,
        account: id(row, 1)?,
        name: words(row, 2)?,
        class: words(row, 3)?,
        information: column(row, 4)?,
        state: state(column(row, 5)?)?,
        registered_at: time(row, 6)?,
    })
}

/// A column of a type.
pub(super) fn column<'r, T: FromSql<'r>>(row: &'r Row, column: usize) -> Result<T, Error> {
    row.try_get(column).map_err(|_| unreadable("a column"))
}

/// A column that holds a text that clients choose: as bytes.
pub(super) fn words(row: &Row, at: usize) -> Result<Option<String>, Error> {
    let bytes: Option<Vec<u8>> = column(row, at)?;
    bytes.map(String::from_utf8).transpose().map_err(|_| unreadable("a text"))
}

/// A device's state as it is read.
pub(super) fn state(number: i16) -> Result<DeviceState, Error> {
    match number {
        0 => Ok(DeviceState::Active),
        1 => Ok(DeviceState::Disabled),
        2 => Ok(DeviceState::Deleted),
        _ => Err(unreadable("a device's state")),
    }
}

/// A device's state as it is stored.
pub(super) fn state_number(state: DeviceState) -> i16 {
    match state {
        DeviceState::Active => 0,
        DeviceState::Disabled => 1,
        DeviceState::Deleted => 2,
    }
}

/// A document as it is stored: compact JSON.
pub(super) fn json_text(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|_| Error::Content("a value cannot be written as json"))
}

fn id<T: TryFrom<String>>(row: &Row, at: usize) -> Result<T, Error> {
    T::try_from(column(row, at)?).map_err(|_| unreadable("an identifier"))
}

fn upstream(row: &Row, at: usize) -> Result<Option<UpstreamSession>, Error> {
    column::<Option<&[u8]>>(row, at)?
        .map(|bytes| bytes.try_into().map(UpstreamSession))
        .transpose()
        .map_err(|_| unreadable("an upstream session's digest"))
}

fn time(row: &Row, at: usize) -> Result<Timestamp, Error> {
    column(row, at).map(Timestamp::from_secs)
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|_| unreadable("a document"))
}

fn unreadable(what: &'static str) -> Error {
    Error::Content(what)
}
