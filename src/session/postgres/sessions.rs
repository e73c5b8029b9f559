//! Sessions in PostgreSQL, but for beginning and refreshing them: those have files of their
//! own.

use async_trait::async_trait;
use futures_util::future::{join, join3};

use super::begin::Begin;
use super::call::Operation;
use super::error::Error;
use super::on::{BEGIN, On};
use super::refresh::Refresh;
use super::row::{self, Stored};
use super::sweep::Sweep;
use super::value::Value;
use super::{PostgresStore, page};
use crate::domain::{AccountId, DeviceId, TenantId, Timestamp};
use crate::session::audit::Asked;
use crate::session::{
    BeginError, Begun, NewSession, NextPair, Page, PageStart, PresentedRefresh, RefreshError,
    Refreshed, Session, SessionId, SessionStore, StoreError,
};

#[async_trait]
impl SessionStore for PostgresStore {
    async fn begin(&self, new: NewSession, now: Timestamp) -> Result<Begun, BeginError> {
        self.call(Begin { new, now }).await?
    }

    async fn refresh(
        &self,
        presented: &PresentedRefresh,
        next: NextPair,
        now: Timestamp,
    ) -> Result<Refreshed, RefreshError> {
        let (presented, asked) = (presented.clone(), Asked::now());
        self.call(Refresh { presented, next, now, asked }).await?
    }

    async fn session(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let found =
            self.call(Find { tenant: tenant.clone(), account: account.clone(), id }).await?;
        Ok(found.and_then(|found| found.alive(now)))
    }

    async fn sessions(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        self.call(List { tenant: tenant.clone(), account: account.clone(), now }).await
    }

    async fn end(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        id: SessionId,
        device: &DeviceId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (tenant, account, device) = (tenant.clone(), account.clone(), device.clone());
        self.call(End { tenant, account, id, device, now }).await
    }

    async fn end_all(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        self.call(EndAll { tenant: tenant.clone(), account: account.clone(), now }).await
    }

    async fn page(
        &self,
        from: Option<PageStart>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        self.call(page::Read { from: page::start(from)?, limit, now }).await
    }

    async fn sweep(&self, limit: u32, now: Timestamp) -> Result<u32, StoreError> {
        self.call(Sweep { limit, now }).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.call(Check).await
    }
}

struct Find {
    tenant: TenantId,
    account: AccountId,
    id: SessionId,
}

impl Operation for Find {
    type Answer = Option<Stored>;

    const WRITES: bool = false;

    async fn run(&self, on: On<'_>) -> Result<Self::Answer, Error> {
        let key = row::key(&self.tenant, &self.account, self.id);
        let found = on.row(&on.sql.find_session, &key).await?;
        found.as_ref().map(row::session).transpose()
    }
}

struct List {
    tenant: TenantId,
    account: AccountId,
    now: Timestamp,
}

impl Operation for List {
    type Answer = Vec<Session>;

    const WRITES: bool = false;

    async fn run(&self, on: On<'_>) -> Result<Vec<Session>, Error> {
        let owner = row::owner(&self.tenant, &self.account);
        let values = row::with(&owner, &[Value::Int8(self.now.secs())]);
        let rows = on.rows(&on.sql.list_sessions, &values).await?;
        rows.iter().map(|row| Ok(row::session(row)?.session)).collect()
    }
}

struct End {
    tenant: TenantId,
    account: AccountId,
    id: SessionId,
    device: DeviceId,
    now: Timestamp,
}

impl Operation for End {
    type Answer = bool;

    /// It would say that there was nothing to end.
    const REPEATABLE: bool = false;

    async fn run(&self, on: On<'_>) -> Result<bool, Error> {
        let key = row::key(&self.tenant, &self.account, self.id);
        let alive = [Value::Text(self.device.as_str()), Value::Int8(self.now.secs())];
        Ok(on.execute(&on.sql.end_session, &row::with(&key, &alive)).await? == 1)
    }
}

/// Under the account's lock, so that two of them do not wait for each other's rows. One round
/// trip.
struct EndAll {
    tenant: TenantId,
    account: AccountId,
    now: Timestamp,
}

impl Operation for EndAll {
    type Answer = u32;

    /// It would count what was left.
    const REPEATABLE: bool = false;
    const IS_TRANSACTION: bool = true;

    async fn run(&self, on: On<'_>) -> Result<u32, Error> {
        let owner = row::owner(&self.tenant, &self.account);
        let alive_in_time = [Value::Int8(self.now.secs()), Value::Float8(on.ends_at())];
        let values = row::with(&owner, &alive_in_time);
        let (begun, (locked, ended), committed) = join3(
            on.simple(BEGIN),
            join(on.rows(&on.sql.find_account, &owner), on.row(&on.sql.end_account, &values)),
            on.simple("COMMIT"),
        )
        .await;
        begun?;
        locked?;
        let ended = ended?.ok_or(Error::Content("a count"))?;
        committed?;
        if !row::column::<bool>(&ended, 1)? {
            return Err(Error::OutOfTime);
        }
        Ok(u32::try_from(row::column::<i64>(&ended, 0)?).unwrap_or(u32::MAX))
    }
}

struct Check;

/// Changes nothing, but is about those that do: where they cannot be committed, it is not ready.
impl Operation for Check {
    type Answer = ();

    async fn run(&self, on: On<'_>) -> Result<(), Error> {
        on.check().await
    }
}
