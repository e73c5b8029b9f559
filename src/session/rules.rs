//! What the session rules decide, as pure functions that every backend calls inside
//! its atomic step: when something is alive, what a presented refresh token is worth,
//! whether a ticket or a device may be used. They read and write no store.

use super::{
    BeginError, DeviceRequest, DeviceState, LAST_GENERATION, NewSession, NextPair,
    PresentedRefresh, RefreshError, Session, Ticket,
};
use crate::domain::{DeviceId, Timestamp};

/// Whether something that expires then is still there now.
pub(super) fn alive(expires_at: Timestamp, now: Timestamp) -> bool {
    now < expires_at
}

/// The session that a sign-on begins. It never outlives its absolute end, so that
/// [`alive`] need not look at both.
pub(super) fn first(new: &NewSession, device_class: Option<String>, now: Timestamp) -> Session {
    let device = match &new.device {
        DeviceRequest::Register { device, .. } => &device.id,
        DeviceRequest::Existing(id) => id,
    };
    Session {
        id: new.id,
        tenant: new.tenant.clone(),
        service: new.service.clone(),
        device: DeviceId::clone(device),
        device_class,
        generation: 1,
        issued_at: now,
        expires_at: new.expires_at.min(new.id.ends_at),
        facts: new.facts.clone(),
    }
}

/// Whether this ticket is what the sign-on may claim: alive, and made for the same
/// tenant, authentication service and account.
pub(super) fn honours(ticket: &Ticket, new: &NewSession, now: Timestamp) -> bool {
    alive(ticket.expires_at, now)
        && ticket.tenant == new.tenant
        && ticket.service == new.service
        && ticket.account == new.facts.account.id
}

/// Whether a sign-on may use an existing device in this state (`None`: there is none).
pub(super) fn usable(state: Option<DeviceState>) -> Result<(), BeginError> {
    match state {
        None | Some(DeviceState::Deleted) => Err(BeginError::DeviceUnknown),
        Some(DeviceState::Disabled) => Err(BeginError::DeviceDisabled),
        Some(DeviceState::Active) => Ok(()),
    }
}

/// Whether a device may go from one state to another: `Deleted` is for good, so that a
/// device cannot come back over the account's limit.
pub(super) fn may_become(from: DeviceState, to: DeviceState) -> bool {
    from != DeviceState::Deleted || to == DeviceState::Deleted
}

/// What to do about a presented refresh token.
#[derive(Debug, PartialEq)]
pub(super) enum Decision {
    /// Store this session and answer it.
    Rotate(Session),
    /// Store nothing and answer this session.
    Replay(Session),
    /// Remove the session and answer why.
    End(RefreshError),
    /// Store nothing and answer why.
    Refuse(RefreshError),
}

/// Decides a refresh, in this order: is it this service's, account's and device's live session, may
/// the device be used, which generation is it. `now` may be before `session.issued_at`
/// (a stepped clock); that counts as inside the grace window.
pub(super) fn refresh(
    mut session: Session,
    device: Option<DeviceState>,
    presented: &PresentedRefresh,
    next: NextPair,
    now: Timestamp,
) -> Decision {
    let owner = &session.facts.account.id;
    if !alive(session.expires_at, now)
        || session.device != presented.device
        || session.service != next.service
        || *owner != presented.account
        || next.account.as_ref().is_some_and(|account| account.id != *owner)
    {
        return Decision::Refuse(RefreshError::Gone);
    }
    match device {
        Some(DeviceState::Active) => {}
        Some(DeviceState::Disabled) => return Decision::Refuse(RefreshError::DeviceDisabled),
        None | Some(DeviceState::Deleted) => return Decision::Refuse(RefreshError::DeviceDeleted),
    }
    if presented.generation == session.generation {
        if session.generation >= LAST_GENERATION {
            return Decision::End(RefreshError::Exhausted);
        }
        session.generation += 1;
        session.issued_at = now;
        session.expires_at = next.expires_at.min(session.id.ends_at);
        session.facts.on_network = next.on_network;
        if let Some(account) = next.account {
            session.facts.account = account;
        }
        return Decision::Rotate(session);
    }
    let superseded_last =
        presented.generation > 0 && presented.generation.checked_add(1) == Some(session.generation);
    if superseded_last && now <= session.issued_at.plus(next.grace) {
        return Decision::Replay(session);
    }
    Decision::End(RefreshError::Reused)
}
