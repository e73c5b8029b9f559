//! What a sign-on has to know before it is decided, read in one round trip under its
//! account's lock. Part of `begin.rs`, which decides.

use futures_util::future::{OptionFuture, join, join3};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::call::{BEGIN, On};
use super::error::Error;
use super::row::{self, Key, Param};
use crate::domain::Timestamp;
use crate::session::rules::Held;
use crate::session::{DeviceRequest, DeviceState, NewSession, Ticket};

/// What was found under the account's lock.
pub(super) struct Found {
    ticket: Option<Row>,
    /// The device, or a count of devices: what the sign-on asks for.
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
    pub(super) async fn look(
        new: &NewSession,
        on: On<'_>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let key = Key::of(&new.tenant, &new.facts.account.id, new.id);
        let (client, sql, now) = (on.client, on.sql, now.secs());
        let owner: [Param<'_>; 2] = [(&key.tenant, Type::TEXT), (&key.account, Type::TEXT)];
        let alive: [Param<'_>; 3] =
            [(&key.tenant, Type::TEXT), (&key.account, Type::TEXT), (&now, Type::INT8)];
        let digest = new.claim.as_ref().map(|claim| &claim.0[..]);
        let claimed: [Param<'_>; 1] = [(&digest, Type::BYTEA)];
        let (id, class) = match &new.device {
            DeviceRequest::Existing(id) => (id, None),
            DeviceRequest::Register { device, .. } => {
                (&device.id, Some(device.class.as_deref().map(str::as_bytes)))
            }
        };
        let id = id.as_str();
        let mut device = owner.to_vec();
        device.push((&id, Type::TEXT));
        let about_device = match &class {
            None => &sql.find_device,
            Some(class) => {
                device.push((class, Type::BYTEA));
                &sql.count_devices
            }
        };
        let named = key.and([]);

        // Sent at once, in this order.
        let ((begun, locked, ticket), (device, sessions, namesake)) = join(
            join3(
                client.batch_execute(BEGIN),
                client.execute_typed(&sql.lock_account, &owner),
                OptionFuture::from(
                    digest.map(|_| client.query_typed_opt(&sql.claim_ticket, &claimed)),
                ),
            ),
            join3(
                client.query_typed_opt(about_device, &device),
                OptionFuture::from(
                    new.limit.map(|_| client.query_typed(&sql.list_sessions, &alive)),
                ),
                client.query_typed_opt(&sql.find_session, &named),
            ),
        )
        .await;
        begun?;
        locked?;
        Ok(Self {
            ticket: ticket.transpose()?.flatten(),
            device: device?,
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

    /// The devices beside which one is to be registered.
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
