//! The one step that begins a session, in two round trips: the account's lock with
//! everything that `rules` wants to know (`look.rs`), then all changes with the commit. Sign-ons
//! of one account wait for each other, those of others do not.

use futures_util::future::{OptionFuture, join, join3};

use super::call::Operation;
use super::error::Error;
use super::look::Found;
use super::on::On;
use super::row;
use super::value::Value;
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
            on.simple("ROLLBACK").await?;
            return Ok(Ok(Begun { session, evicted: Vec::new() }));
        }
        let plan = match self.decide(&found) {
            Ok(plan) => plan,
            Err(Stop::Failed(error)) => return Err(error),
            Err(Stop::Refused(why)) => {
                on.simple("ROLLBACK").await?;
                return Ok(Err(why));
            }
        };
        // Nobody waits for it any more: better not at all than unknown to its caller.
        if on.is_abandoned() {
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
            DeviceRequest::Register { device, limits } if limits.are_set() => {
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
            DeviceRequest::Register { device, .. } => device.class.clone(),
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
        let sql = on.sql;
        let account = &session.facts.account.id;
        let owner = row::owner(&session.tenant, account);
        let key = row::key(&session.tenant, account, session.id);
        let claim = self.new.claim.as_ref().map(|claim| [Value::Bytes(&claim.0)]);
        let (ends, numbers): (Vec<_>, Vec<_>) =
            evicted.iter().map(|id| (id.ends_at.secs(), id.number.cast_signed())).unzip();
        let chosen = row::with(&owner, &[Value::Int8s(&ends), Value::Int8s(&numbers)]);
        let device = match &self.new.device {
            DeviceRequest::Register { device, .. } => Some(device),
            DeviceRequest::Existing(_) => None,
        };
        let claimed = claim.as_ref().map(|claim| on.execute(&sql.delete_ticket, claim));
        let replaced = replaces.then(|| on.execute(&sql.delete_session, &key));
        let kept = rules::EVICTED_KEPT.into();
        let surplus = row::with(&owner, &[Value::Int8(kept), Value::Int8(kept)]);
        let evicted = (!evicted.is_empty()).then(|| {
            let evicted = on.execute(&sql.evict_sessions, &chosen);
            join(evicted, on.execute(&sql.forget_evicted, &surplus))
        });
        let ((ticket, gone, out), (registered, inserted, committed)) = join(
            join3(
                OptionFuture::from(claimed),
                OptionFuture::from(replaced),
                OptionFuture::from(evicted),
            ),
            join3(
                OptionFuture::from(device.map(|device| register(on, &owner, device))),
                insert(on, &key, session),
                on.simple("COMMIT"),
            ),
        )
        .await;
        let (out, forgotten) = out.unzip();
        for changed in [ticket, gone, out, forgotten] {
            changed.transpose()?;
        }
        registered.transpose()?;
        inserted?;
        // It commits only if all before it went well.
        committed
    }
}

async fn register(on: On<'_>, owner: &[Value<'_>], device: &Device) -> Result<u64, Error> {
    let values = [
        Value::Text(device.id.as_str()),
        Value::words(device.name.as_deref()),
        Value::words(device.class.as_deref()),
        Value::Text(&device.information),
        Value::Int2(row::state_number(device.state)),
        Value::Int8(device.registered_at.secs()),
    ];
    on.execute(&on.sql.insert_device, &row::with(owner, &values)).await
}

async fn insert(on: On<'_>, key: &[Value<'_>], session: &Session) -> Result<u64, Error> {
    let profile = row::json_text(&session.facts.account)?;
    let values = [
        Value::Text(session.service.as_str()),
        Value::Text(session.device.as_str()),
        Value::words(session.device_class.as_deref()),
        Value::MaybeBytes(session.upstream.as_ref().map(|upstream| &upstream.0[..])),
        Value::Int8(session.begun_at.secs()),
        Value::Int4(1),
        Value::Int8(session.issued_at.secs()),
        Value::Int8(session.expires_at.secs()),
        Value::Text(&profile),
        Value::Bool(session.facts.on_network),
        Value::Int8(session.facts.authenticated_at.secs()),
    ];
    on.execute(&on.sql.insert_session, &row::with(key, &values)).await
}
