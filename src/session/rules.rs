//! What the session rules decide, as pure functions that every backend calls inside
//! its atomic step: when something is alive, what a presented refresh token is worth,
//! whether a ticket or a device may be used. They read and write no store.

mod room;

use super::{
    BeginError, DeviceChange, DeviceRequest, DeviceState, LAST_GENERATION, NewSession, NextPair,
    PresentedRefresh, RefreshError, Session, Ticket,
};
use crate::domain::{DeviceId, Timestamp};

pub(super) use room::{Held, room};

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
        upstream: new.upstream,
        begun_at: now,
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

/// How many other deleted devices an account has when one more is deleted; those that were registered
/// the longest ago are forgotten. A sign-on counts the others among them, and its user chooses how many there are.
pub(super) const DELETED_KEPT: u32 = 100;

/// The most that are forgotten at a time: what keeps others waiting is bounded.
pub(super) const DELETED_FORGOTTEN: u32 = 1000;

/// How many evicted sessions an account has beside those that are evicted now, in a store that keeps them with the
/// others; the clients of older ones are told that they are gone. Each sign-on within a limit looks at them.
pub(super) const EVICTED_KEPT: u32 = 1000;

/// Whether a device in this state may change so: `Deleted` is for good, so that a device cannot
/// come back over the account's limit.
pub(super) fn may_change(from: DeviceState, change: &DeviceChange) -> bool {
    from != DeviceState::Deleted || *change == DeviceChange::State(DeviceState::Deleted)
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

/// Decides a refresh, in this order: is it this service's, account's and device's session and not
/// expired, may the device be used, has the session been evicted, which generation is it. `now` may be before `session.issued_at`
/// (a stepped clock); that counts as inside the grace window.
pub(super) fn refresh(
    mut session: Session,
    evicted: bool,
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
    if evicted {
        return Decision::Refuse(RefreshError::Evicted);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::account::Account;
    use crate::domain::{AccountId, ServiceName, TenantId};
    use crate::session::{Facts, SessionId};

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn session(generation: u32) -> Session {
        let account = Account::new(AccountId::parse("1663").unwrap(), "1663".to_owned());
        Session {
            id: SessionId { ends_at: NOW.plus(Duration::from_secs(1000)), number: 1 },
            tenant: TenantId::parse("nagra").unwrap(),
            service: ServiceName::parse("s").unwrap(),
            device: DeviceId::parse("d").unwrap(),
            device_class: None,
            upstream: None,
            begun_at: NOW,
            generation,
            issued_at: NOW,
            expires_at: NOW.plus(Duration::from_secs(1000)),
            facts: Facts { account, on_network: false, authenticated_at: NOW },
        }
    }

    fn presented(session: &Session, generation: u32) -> PresentedRefresh {
        PresentedRefresh {
            tenant: session.tenant.clone(),
            id: session.id,
            generation,
            account: session.facts.account.id.clone(),
            device: session.device.clone(),
        }
    }

    fn next() -> NextPair {
        let grace = Duration::from_secs(30);
        let service = session(1).service;
        NextPair { service, expires_at: Timestamp::MAX, account: None, on_network: false, grace }
    }

    fn decide(stored: u32, token: u32) -> Decision {
        let session = session(stored);
        let presented = presented(&session, token);
        refresh(session, false, Some(DeviceState::Active), &presented, next(), NOW)
    }

    #[test]
    fn the_last_generation_is_the_last() {
        let almost = decide(LAST_GENERATION - 1, LAST_GENERATION - 1);
        assert!(matches!(almost, Decision::Rotate(s) if s.generation == LAST_GENERATION));
        let last = decide(LAST_GENERATION, LAST_GENERATION);
        assert_eq!(last, Decision::End(RefreshError::Exhausted));
        let retry = decide(LAST_GENERATION, LAST_GENERATION - 1);
        assert!(matches!(retry, Decision::Replay(_)));
    }

    #[test]
    fn generations_at_the_ends_of_their_range_do_not_overflow() {
        assert_eq!(decide(1, 0), Decision::End(RefreshError::Reused));
        assert_eq!(decide(1, u32::MAX), Decision::End(RefreshError::Reused));
        assert_eq!(decide(0, u32::MAX), Decision::End(RefreshError::Reused));
    }

    #[test]
    fn a_session_without_its_device_does_not_refresh() {
        let session = session(1);
        let presented = presented(&session, 1);
        let decision = refresh(session, false, None, &presented, next(), NOW);
        assert_eq!(decision, Decision::Refuse(RefreshError::DeviceDeleted));
    }
}
