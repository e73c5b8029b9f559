//! Sessions in Redis: looking at them and ending them. Beginning, refreshing and walking over
//! all of them have files of their own.

use std::sync::Arc;

use async_trait::async_trait;
use redis::{Cmd, Value};

use super::names::AccountNames;
use super::{RedisStore, record, unreadable};
use crate::domain::{AccountId, DeviceId, TenantId, Timestamp};
use crate::session::audit::Asked;
use crate::session::{
    BeginError, Begun, NewSession, NextPair, Page, PageStart, PresentedRefresh, RefreshError,
    Refreshed, Session, SessionId, SessionStore, StoreError, rules,
};

#[async_trait]
impl SessionStore for RedisStore {
    async fn begin(&self, new: NewSession, now: Timestamp) -> Result<Begun, BeginError> {
        let store = self.clone();
        // To its end, whoever hangs up: what nobody may be told of is taken back.
        let begun = tokio::spawn(async move { store.sign_on(&new, now).await }).await;
        begun.map_err(|e| StoreError(format!("redis: a sign-on has stopped: {e}")))?
    }

    async fn refresh(
        &self,
        presented: &PresentedRefresh,
        next: NextPair,
        now: Timestamp,
    ) -> Result<Refreshed, RefreshError> {
        let (store, presented, asked) = (self.clone(), presented.clone(), Asked::now());
        let caller = Arc::new(());
        let waits = Arc::downgrade(&caller);
        // To its end, whoever hangs up: what the answer says may have to be noted. But whoever does before it was
        // sent may go on with a retry, and it would look like reuse if that was faster.
        let call = async move { store.rotate(&presented, &next, now, &asked, waits).await };
        let refreshed = tokio::spawn(call).await;
        refreshed.map_err(|e| StoreError(format!("redis: a refresh has stopped: {e}")))?
    }

    async fn session(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let keys = self.names.account(tenant, account);
        let Value::BulkString(found) = self.find(&keys, id).await? else { return Ok(None) };
        let session = record::session(tenant, id, &found)?;
        Ok(Some(session).filter(|session| rules::alive(session.expires_at, now)))
    }

    async fn sessions(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let key = self.names.account(tenant, account).sessions;
        let found = self.read(&key, || Cmd::hgetall(&key).into()).await?;
        alive(tenant, found, now)
    }

    async fn end(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        id: SessionId,
        device: &DeviceId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let keys = self.names.account(tenant, account);
        self.write(
            &self.scripts.end,
            &[&keys.sessions],
            &[
                record::field(id).as_bytes(),
                now.secs().to_string().as_bytes(),
                device.as_str().as_bytes(),
                self.waits(),
                format!("{}{}", keys.ended(), record::field(id)).as_bytes(),
                self.deadline.as_millis().to_string().as_bytes(),
            ],
        )
        .await?
        .did_it()
    }

    async fn end_all(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        let keys = self.names.account(tenant, account);
        let done = self
            .write(
                &self.scripts.end_all,
                &[&keys.sessions],
                &[now.secs().to_string().as_bytes(), self.waits(), keys.mark().as_bytes()],
            )
            .await?;
        match done.acknowledged()? {
            Value::Int(ended) => Ok(u32::try_from(ended).unwrap_or(u32::MAX)),
            _ => Err(unreadable("session")),
        }
    }

    async fn page(
        &self,
        from: Option<PageStart>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        self.piece(from, limit, now).await
    }

    /// Nothing: keys expire by themselves, and a sign-on removes what has expired of its account.
    async fn sweep(&self, _limit: u32, _now: Timestamp) -> Result<u32, StoreError> {
        Ok(0)
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.ready().await
    }
}

impl RedisStore {
    /// A session's record. That there is none counts once replicas have what has ended it: else whoever
    /// signs out again would be told that it is done.
    async fn find(&self, keys: &AccountNames, id: SessionId) -> Result<Value, StoreError> {
        let (key, field, deadline) = (&keys.sessions, record::field(id), self.ends());
        let found = self.read_until(deadline, key, || Cmd::hget(key, &field).into()).await?;
        if found != Value::Nil || self.replicas.is_none() {
            return Ok(found);
        }
        let (mark, script) = (keys.mark(), &self.scripts.find);
        let args = [field.as_bytes(), mark.as_bytes()];
        let done = self.write_until(deadline, None, script, &[key], &args).await?;
        if done.value == Value::Nil { done.acknowledged() } else { Ok(done.value) }
    }
}

/// The live ones of an account's sessions, in order of their ids.
pub(super) fn alive(
    tenant: &TenantId,
    hash: Value,
    now: Timestamp,
) -> Result<Vec<Session>, StoreError> {
    let rows: Vec<(String, Vec<u8>)> =
        redis::from_redis_value(hash).map_err(|_| unreadable("session"))?;
    let mut sessions = Vec::with_capacity(rows.len());
    for (field, record) in rows {
        let id = record::session_id(&field).ok_or_else(|| unreadable("session"))?;
        let session = record::session(tenant, id, &record)?;
        if rules::alive(session.expires_at, now) {
            sessions.push(session);
        }
    }
    sessions.sort_unstable_by_key(|session| session.id);
    Ok(sessions)
}
