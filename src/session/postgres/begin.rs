//! The one step that begins a session, in two round trips: the account's lock with
//! everything that `rules` wants to know (`look.rs`), then all changes with the commit. Sign-ons
//! of one account wait for each other, those of others do not.

use futures_util::future::{OptionFuture, join, join3};
use tokio_postgres::types::Type;

use super::call::{On, Operation};
use super::error::Error;
use super::look::Found;
use super::row::{self, Key, Param};
use crate::domain::Timestamp;
use crate::session::rules;
use crate::session::{BeginError, Begun, Device, DeviceRequest, NewSession, Session, SessionId};

/// A sign-on.
pub(super) struct Begin {
    pub(super) new: NewSession,
    pub(super) now: Timestamp,
}

/// What is to be changed.
struct Plan {
    session: Session,
    evicted: Vec<SessionId>,
    /// An expired session has the new one's name.
    replaces: bool,
}

/// Why nothing is to be changed.
enum Stop {
    Refused(BeginError),
    Failed(Error),
}

impl From<BeginError> for Stop {
    fn from(why: BeginError) -> Self {
        Self::Refused(why)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Carried out once more after it happened, it finds its own session and answers that.
impl Operation for Begin {
    type Answer = Result<Begun, BeginError>;

    const IS_TRANSACTION: bool = true;

    async fn run(&self, on: On<'_>) -> Result<Self::Answer, Error> {
        let found = Found::look(&self.new, on, self.now).await?;
        if let Some(session) = self.own(on, &found)? {
            on.client.batch_execute("ROLLBACK").await?;
            return Ok(Ok(Begun { session, evicted: Vec::new() }));
        }
        let plan = match self.decide(&found) {
            Ok(plan) => plan,
            Err(Stop::Failed(error)) => return Err(error),
            Err(Stop::Refused(why)) => {
                on.client.batch_execute("ROLLBACK").await?;
                return Ok(Err(why));
            }
        };
        // Nobody waits for it any more: better not at all than unknown to its caller.
        if on.is_late() {
            return Err(Error::Late);
        }
        match self.change(on, &plan).await {
            Ok(()) => Ok(Ok(Begun { session: plan.session, evicted: plan.evicted })),
            // With the insert that failed the server has undone all of it.
            Err(error) if error.is_taken() => Ok(Err(BeginError::Conflict)),
            Err(error) => Err(error),
        }
    }
}

impl Begin {
    /// The session that an earlier try of this very sign-on began. Nobody else's has its random
    /// number, end, device and beginning.
    fn own(&self, on: On<'_>, found: &Found) -> Result<Option<Session>, Error> {
        let Some(namesake) = found.namesake.as_ref().filter(|_| on.is_repeated) else {
            return Ok(None);
        };
        let Some(session) = row::session(namesake)?.alive(self.now) else { return Ok(None) };
        let class = session.device_class.clone();
        let is_own = session == rules::first(&self.new, class, self.now);
        Ok(is_own.then_some(session))
    }

    /// The checks, in the order of the errors.
    fn decide(&self, found: &Found) -> Result<Plan, Stop> {
        let Self { new, now } = self;
        if new.claim.is_some() {
            let ticket = found.ticket()?;
            if !ticket.is_some_and(|ticket| rules::honours(&ticket, new, *now)) {
                return Err(BeginError::ClaimGone.into());
            }
        }
        let mut is_taken = false;
        let class = match &new.device {
            DeviceRequest::Existing(_) => {
                let (state, class) = found.device()?;
                rules::usable(state)?;
                class
            }
            DeviceRequest::Register { device, .. } if device.account != new.facts.account.id => {
                return Err(BeginError::DeviceUnknown.into());
            }
            DeviceRequest::Register { device, limits } => {
                let devices = found.devices()?;
                let full = |limit: Option<u32>, count: i64| {
                    limit.is_some_and(|limit| count >= i64::from(limit))
                };
                if full(limits.all, devices.all) || full(limits.of_class, devices.of_class) {
                    return Err(BeginError::DeviceLimit.into());
                }
                is_taken = devices.has_id;
                device.class.clone()
            }
        };
        let evicted = match new.limit {
            Some(limit) => rules::room(&found.held()?, new.upstream, limit)?,
            None => Vec::new(),
        };
        let namesake = found.namesake.as_ref().map(row::session).transpose()?;
        let namesake = namesake.map(|old| rules::alive(old.session.expires_at, *now));
        if is_taken || namesake == Some(true) {
            return Err(BeginError::Conflict.into());
        }
        let session = rules::first(new, class, *now);
        Ok(Plan { session, evicted, replaces: namesake.is_some() })
    }

    /// Changes and commits, all sent at once, in this order.
    async fn change(&self, on: On<'_>, plan: &Plan) -> Result<(), Error> {
        let Plan { session, evicted, replaces } = plan;
        let (client, sql) = (on.client, on.sql);
        let account = &session.facts.account.id;
        let key = Key::of(&session.tenant, account, session.id);
        let named = key.and([]);
        let digest = self.new.claim.as_ref().map(|claim| &claim.0[..]);
        let claimed: [Param<'_>; 1] = [(&digest, Type::BYTEA)];
        let (ends, numbers): (Vec<i64>, Vec<i64>) =
            evicted.iter().map(|id| (id.ends_at.secs(), id.number.cast_signed())).unzip();
        let chosen: [Param<'_>; 4] = [
            (&key.tenant, Type::TEXT),
            (&key.account, Type::TEXT),
            (&ends, Type::INT8_ARRAY),
            (&numbers, Type::INT8_ARRAY),
        ];
        let device = match &self.new.device {
            DeviceRequest::Register { device, .. } => Some(device),
            DeviceRequest::Existing(_) => None,
        };
        let ((ticket, gone, out), (registered, inserted, committed)) = join(
            join3(
                OptionFuture::from(digest.map(|_| client.execute_typed(&sql.delete_ticket, &claimed))),
                OptionFuture::from(replaces.then(|| client.execute_typed(&sql.delete_session, &named))),
                OptionFuture::from(
                    (!evicted.is_empty())
                        .then(|| client.execute_typed(&sql.evict_sessions, &chosen)),
                ),
            ),
            join3(
                OptionFuture::from(device.map(|device| register(on, &key, device))),
                insert(on, &key, session),
                client.batch_execute("COMMIT"),
            ),
        )
        .await;
        for changed in [ticket, gone, out] {
            changed.transpose()?;
        }
        registered.transpose()?;
        inserted?;
        // It commits only if all before it went well.
        Ok(committed?)
    }
}

async fn register(on: On<'_>, key: &Key<'_>, device: &Device) -> Result<u64, Error> {
    let (name, class) = (bytes(device.name.as_deref()), bytes(device.class.as_deref()));
    let registered = on.client.execute_typed(
        &on.sql.insert_device,
        &[
            (&key.tenant, Type::TEXT),
            (&key.account, Type::TEXT),
            (&device.id.as_str(), Type::TEXT),
            (&name, Type::BYTEA),
            (&class, Type::BYTEA),
            (&device.information, Type::TEXT),
            (&row::state_number(device.state), Type::INT2),
            (&device.registered_at.secs(), Type::INT8),
        ],
    );
    Ok(registered.await?)
}

async fn insert(on: On<'_>, key: &Key<'_>, session: &Session) -> Result<u64, Error> {
    let upstream = session.upstream.as_ref().map(|upstream| &upstream.0[..]);
    let params = key.and([
        (&session.service.as_str() as _, Type::TEXT),
        (&session.device.as_str(), Type::TEXT),
        (&bytes(session.device_class.as_deref()), Type::BYTEA),
        (&upstream, Type::BYTEA),
        (&session.begun_at.secs(), Type::INT8),
        (&1_i32, Type::INT4),
        (&session.issued_at.secs(), Type::INT8),
        (&session.expires_at.secs(), Type::INT8),
        (&row::json_text(&session.facts.account)?, Type::TEXT),
        (&session.facts.on_network, Type::BOOL),
        (&session.facts.authenticated_at.secs(), Type::INT8),
    ]);
    Ok(on.client.execute_typed(&on.sql.insert_session, &params).await?)
}

/// A text that clients choose, as columns hold it.
fn bytes(text: Option<&str>) -> Option<&[u8]> {
    text.map(str::as_bytes)
}
