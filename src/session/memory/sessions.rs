//! Sessions in memory. Each method checks everything first and changes the maps only
//! when nothing can fail any more, all under one lock.

use async_trait::async_trait;

use super::{MemoryStore, sweep};
use crate::domain::{AccountId, DeviceId, TenantId, Timestamp};
use crate::session::audit::Asked;
use crate::session::rules::{self, Decision};
use crate::session::{
    BeginError, Begun, DeviceRequest, NewSession, NextPair, Page, PageStart, PresentedRefresh,
    RefreshError, Refreshed, Session, SessionId, SessionStore, StoreError,
};

#[async_trait]
impl SessionStore for MemoryStore {
    async fn begin(&self, new: NewSession, now: Timestamp) -> Result<Begun, BeginError> {
        let mut state = self.state.lock();
        state.claim(&new, now)?;
        let device_class = state.admit(&new)?;
        let evicted = state.room(&new, now)?;
        state.free(&new, now)?;
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
        for id in &evicted {
            state.evict(&(*id, new.tenant.clone()));
        }
        state.insert(session.clone());
        if let Some(digest) = new.claim {
            state.tickets.swap_remove(&digest.0);
        }
        if let DeviceRequest::Register { device, .. } = new.device {
            state.register(new.tenant, device);
        }
        Ok(Begun { session, evicted })
    }

    async fn refresh(
        &self,
        presented: &PresentedRefresh,
        next: NextPair,
        now: Timestamp,
    ) -> Result<Refreshed, RefreshError> {
        let mut state = self.state.lock();
        let key = (presented.id, presented.tenant.clone());
        let kept = state.sessions.get(&key).ok_or(RefreshError::Gone)?;
        let (session, evicted) = (kept.session.clone(), kept.evicted);
        let device = state.device(&presented.tenant, &presented.account, &session.device);
        let device_state = device.map(|device| device.state);
        match rules::refresh(session, evicted, device_state, presented, next, now) {
            Decision::Rotate(session) => {
                if let Some(kept) = state.sessions.get_mut(&key) {
                    kept.session = session.clone();
                }
                Ok(Refreshed::Rotated(session))
            }
            Decision::Replay(session) => Ok(Refreshed::Replayed(session)),
            Decision::End(why) => {
                state.remove(&key);
                drop(state);
                if why == RefreshError::Reused {
                    Asked::now().reused(presented);
                }
                Err(why)
            }
            Decision::Refuse(why) => Err(why),
        }
    }

    async fn session(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let state = self.state.lock();
        let kept = state.sessions.get(&(id, tenant.clone()));
        let theirs = kept.filter(|kept| kept.alive(now) && *kept.account() == *account);
        Ok(theirs.map(|kept| kept.session.clone()))
    }

    async fn sessions(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        Ok(self.state.lock().sessions_of(tenant, account, now).cloned().collect())
    }

    async fn end(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        id: SessionId,
        device: &DeviceId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut state = self.state.lock();
        let key = (id, tenant.clone());
        let theirs = state.sessions.get(&key).is_some_and(|kept| {
            kept.alive(now) && *kept.account() == *account && kept.session.device == *device
        });
        if theirs {
            state.remove(&key);
        }
        Ok(theirs)
    }

    async fn end_all(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        let mut state = self.state.lock();
        let alive = state.sessions_of(tenant, account, now).count();
        let theirs: Vec<_> = state.kept_of(tenant, account).map(|kept| kept.session.id).collect();
        for id in theirs {
            state.remove(&(id, tenant.clone()));
        }
        Ok(u32::try_from(alive).unwrap_or(u32::MAX))
    }

    async fn page(
        &self,
        from: Option<PageStart>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        let from = from.map(|from| from.session()).transpose()?;
        Ok(self.state.lock().page(from, usize::try_from(limit).unwrap_or(usize::MAX), now))
    }

    async fn sweep(&self, limit: u32, now: Timestamp) -> Result<u32, StoreError> {
        Ok(sweep::sweep(&mut self.state.lock(), limit, now))
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
