//! A store that stops answering when it is told to, around a real one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use async_trait::async_trait;
use cambio::domain::identity::OneTimeClaim;
use cambio::domain::{AccountId, DeviceId, TenantId, Timestamp};
use cambio::session::{
    BeginError, Begun, Device, DeviceChange, DeviceStore, KeyStore, NewSession, NextPair, Page,
    PageStart, PresentedRefresh, RefreshError, Refreshed, Session, SessionId, SessionStore, Store,
    StoreError, Ticket, TicketStore, Versioned,
};

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It answers.
    Well,
    /// Every call fails.
    Down,
    /// No call ever answers, like a connection into nowhere.
    Hangs,
}

#[derive(Debug)]
pub(crate) struct Failing {
    inner: Arc<dyn Store>,
    mood: AtomicU8,
}

impl Failing {
    pub(crate) fn around(inner: Arc<dyn Store>) -> Self {
        Self { inner, mood: AtomicU8::new(Mood::Well as u8) }
    }

    pub(crate) fn is(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::SeqCst);
    }

    async fn answers(&self) -> Result<(), StoreError> {
        let mood = self.mood.load(Ordering::SeqCst);
        if mood == Mood::Hangs as u8 {
            std::future::pending::<()>().await;
        }
        if mood == Mood::Well as u8 { Ok(()) } else { Err(StoreError("it is down".to_owned())) }
    }
}

impl Store for Failing {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }
}

#[async_trait]
impl SessionStore for Failing {
    async fn begin(&self, new: NewSession, now: Timestamp) -> Result<Begun, BeginError> {
        self.answers().await?;
        self.inner.begin(new, now).await
    }

    async fn refresh(
        &self,
        presented: &PresentedRefresh,
        next: NextPair,
        now: Timestamp,
    ) -> Result<Refreshed, RefreshError> {
        self.answers().await?;
        self.inner.refresh(presented, next, now).await
    }

    async fn session(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        self.answers().await?;
        self.inner.session(tenant, account, id, now).await
    }

    async fn sessions(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        self.answers().await?;
        self.inner.sessions(tenant, account, now).await
    }

    async fn end(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        id: SessionId,
        device: &DeviceId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.answers().await?;
        self.inner.end(tenant, account, id, device, now).await
    }

    async fn end_all(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        self.answers().await?;
        self.inner.end_all(tenant, account, now).await
    }

    async fn page(
        &self,
        from: Option<PageStart>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        self.answers().await?;
        self.inner.page(from, limit, now).await
    }

    async fn sweep(&self, limit: u32, now: Timestamp) -> Result<u32, StoreError> {
        self.answers().await?;
        self.inner.sweep(limit, now).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.answers().await?;
        self.inner.check().await
    }
}

#[async_trait]
impl DeviceStore for Failing {
    async fn devices(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Vec<Device>, StoreError> {
        self.answers().await?;
        self.inner.devices(tenant, account).await
    }

    async fn change_device(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        device: &DeviceId,
        change: DeviceChange,
    ) -> Result<bool, StoreError> {
        self.answers().await?;
        self.inner.change_device(tenant, account, device, change).await
    }
}

#[async_trait]
impl TicketStore for Failing {
    async fn put_ticket(&self, digest: OneTimeClaim, ticket: Ticket) -> Result<(), StoreError> {
        self.answers().await?;
        self.inner.put_ticket(digest, ticket).await
    }

    async fn peek_ticket(
        &self,
        digest: OneTimeClaim,
        now: Timestamp,
    ) -> Result<Option<Ticket>, StoreError> {
        self.answers().await?;
        self.inner.peek_ticket(digest, now).await
    }
}

#[async_trait]
impl KeyStore for Failing {
    async fn load_keys(&self, name: &str) -> Result<Option<Versioned>, StoreError> {
        self.answers().await?;
        self.inner.load_keys(name).await
    }

    async fn swap_keys(&self, name: &str, expected: u64, bytes: &[u8]) -> Result<bool, StoreError> {
        self.answers().await?;
        self.inner.swap_keys(name, expected, bytes).await
    }
}
