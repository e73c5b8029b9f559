//! Sessions in memory. Each method checks everything first and changes the maps only
//! when nothing can fail any more, all under one lock.

use async_trait::async_trait;

use super::{MemoryStore, SessionKey, State, sweep};
use crate::domain::{DeviceId, TenantId, Timestamp};
use crate::session::rules::{self, Decision};
use crate::session::{
    BeginError, DeviceRequest, NewSession, NextPair, PresentedRefresh, RefreshError, Refreshed,
    Session, SessionId, SessionStore, StoreError,
};

#[async_trait]
impl SessionStore for MemoryStore {
    async fn begin(&self, new: NewSession, now: Timestamp) -> Result<Session, BeginError> {
        let mut state = self.state.lock();
        let key = (new.id, new.tenant.clone());
        state.claim(&new, now)?;
        let device_class = state.admit(&new)?;
        state.free(&key, now)?;
        if state.sessions.len() >= self.capacity {
            sweep::front(&mut state, sweep::WHEN_FULL, now);
        }
        let registers = matches!(new.device, DeviceRequest::Register { .. });
        if state.sessions.len() >= self.capacity
            || (registers && state.devices.len() >= self.capacity)
        {
            return Err(self.full().into());
        }

        let session = rules::first(&new, device_class, now);
        state.sessions.insert(key, Box::new(session.clone()));
        if let Some(digest) = new.claim {
            state.tickets.swap_remove(&digest.0);
        }
        if let DeviceRequest::Register { device, .. } = new.device {
            state.register(new.tenant, device);
        }
        Ok(session)
    }

    async fn refresh(
        &self,
        presented: &PresentedRefresh,
        next: NextPair,
        now: Timestamp,
    ) -> Result<Refreshed, RefreshError> {
        let mut state = self.state.lock();
        let key = (presented.id, presented.tenant.clone());
        let session = state.sessions.get(&key).ok_or(RefreshError::Gone)?;
        let session = Session::clone(session);
        let device = state.device(&presented.tenant, &presented.account, &session.device);
        let device_state = device.map(|device| device.state);
        match rules::refresh(session, device_state, presented, next, now) {
            Decision::Rotate(session) => {
                state.sessions.insert(key, Box::new(session.clone()));
                Ok(Refreshed::Rotated(session))
            }
            Decision::Replay(session) => Ok(Refreshed::Replayed(session)),
            Decision::End(why) => {
                state.sessions.remove(&key);
                Err(why)
            }
            Decision::Refuse(why) => Err(why),
        }
    }

    async fn session(
        &self,
        tenant: &TenantId,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let state = self.state.lock();
        let session = state.sessions.get(&(id, tenant.clone()));
        let alive = session.filter(|session| rules::alive(session.expires_at, now));
        Ok(alive.map(|session| Session::clone(session)))
    }

    async fn end(
        &self,
        tenant: &TenantId,
        id: SessionId,
        device: &DeviceId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut state = self.state.lock();
        let key = (id, tenant.clone());
        let theirs = state.sessions.get(&key).is_some_and(|session| {
            session.device == *device && rules::alive(session.expires_at, now)
        });
        if theirs {
            state.sessions.remove(&key);
        }
        Ok(theirs)
    }

    async fn sweep(&self, limit: u32, now: Timestamp) -> Result<u32, StoreError> {
        Ok(sweep::sweep(&mut self.state.lock(), limit, now))
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl State {
    /// Whether the one-time credential, if there is one, may be claimed.
    fn claim(&self, new: &NewSession, now: Timestamp) -> Result<(), BeginError> {
        let Some(digest) = &new.claim else { return Ok(()) };
        let ticket = self.tickets.get(&digest.0);
        let honoured = ticket.is_some_and(|ticket| rules::honours(ticket, new, now));
        if honoured { Ok(()) } else { Err(BeginError::ClaimGone) }
    }

    /// Whether no live session has the key.
    fn free(&self, key: &SessionKey, now: Timestamp) -> Result<(), BeginError> {
        let taken = self.sessions.get(key).is_some_and(|old| rules::alive(old.expires_at, now));
        if taken { Err(BeginError::Conflict) } else { Ok(()) }
    }
}
