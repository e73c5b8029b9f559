//! What a sign-on has to know before it is decided, read in one round trip under its
//! account's lock. Part of `begin.rs`, which decides.

use futures_util::future::{OptionFuture, join, join3};
use tokio_postgres::Row;

use super::error::Error;
use super::on::{BEGIN, On};
use super::row;
use super::value::Value;
use crate::domain::Timestamp;
use crate::session::rules::Held;
use crate::session::{DeviceRequest, DeviceState, NewSession, Ticket};

/// What was found under the account's lock.
pub(super) struct Found {
    ticket: Option<Row>,
    /// The device, or a count of devices: what the sign-on asks for, if it does.
    device: Option<Row>,
    sessions: Vec<Row>,
    /// The session that has the new one's name, expired or not.
    pub(super) namesake: Option<Row>,
}

/// How many devices an account has that are not deleted.
pub(super) struct Devices {
    pub(super) all: i64,
    /// Of the new device's class.
    pub(super) of_class: i64,
    /// Whether one has the new device's id, deleted or not.
    pub(super) has_id: bool,
}

impl Found {
    /// Begins a transaction, takes the account's lock and reads. The reads see what the lock
    /// was waited for: each statement of the transaction has a view of its own.
    pub(super) async fn look(new: &NewSession, on: On<'_>, now: Timestamp) -> Result<Self, Error> {
        let sql = on.sql;
        let (tenant, account) = (&new.tenant, &new.facts.account.id);
        let owner = row::owner(tenant, account);
        let key = row::key(tenant, account, new.id);
        let alive = row::with(&owner, &[Value::Int8(now.secs())]);
        let claim = new.claim.as_ref().map(|claim| [Value::Bytes(&claim.0)]);
        let about_device = match &new.device {
            DeviceRequest::Existing(id) => {
                Some((&sql.find_device, row::with(&owner, &[Value::Text(id.as_str())])))
            }
            DeviceRequest::Register { device, limits } if limits.are_set() => {
                let values =
                    [Value::Text(device.id.as_str()), Value::words(device.class.as_deref())];
                Some((&sql.count_devices, row::with(&owner, &values)))
            }
            // Whether its id is taken, inserting it says.
            DeviceRequest::Register { .. } => None,
        };
        let device = about_device.as_ref().map(|(statement, values)| on.row(statement, values));
        let ticket = claim.as_ref().map(|claim| on.row(&sql.claim_ticket, claim));
        let sessions = new.limit.map(|_| on.rows(&sql.list_sessions, &alive));

        // Sent at once, in this order.
        let ((begun, locked, ticket), (device, sessions, namesake)) = join(
            join3(
                on.simple(BEGIN),
                on.execute(&sql.lock_account, &owner),
                OptionFuture::from(ticket),
            ),
            join3(
                OptionFuture::from(device),
                OptionFuture::from(sessions),
                on.row(&sql.find_session, &key),
            ),
        )
        .await;
        begun?;
        locked?;
        Ok(Self {
            ticket: ticket.transpose()?.flatten(),
            device: device.transpose()?.flatten(),
            sessions: sessions.transpose()?.unwrap_or_default(),
            namesake: namesake?,
        })
    }

    /// The ticket that is claimed, expired or not.
    pub(super) fn ticket(&self) -> Result<Option<Ticket>, Error> {
        self.ticket.as_ref().map(row::ticket).transpose()
    }

    /// The existing device's state and class.
    pub(super) fn device(&self) -> Result<(Option<DeviceState>, Option<String>), Error> {
        let Some(device) = &self.device else { return Ok((None, None)) };
        Ok((Some(row::state(row::column(device, 0)?)?), row::words(device, 1)?))
    }

    /// The devices beside which one is to be registered, if there is a limit to them.
    pub(super) fn devices(&self) -> Result<Devices, Error> {
        let Some(counted) = &self.device else {
            return Err(Error::Content("a count"));
        };
        Ok(Devices {
            all: row::column(counted, 0)?,
            of_class: row::column(counted, 1)?,
            has_id: row::column::<i64>(counted, 2)? > 0,
        })
    }

    /// The account's sessions that are alive, if there is a limit to them.
    pub(super) fn held(&self) -> Result<Vec<Held>, Error> {
        let held = self.sessions.iter().map(|row| Ok(Held::of(&row::session(row)?.session)));
        held.collect()
    }
}
