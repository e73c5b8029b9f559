//! One-time tickets in Redis. A ticket stands with its account, where `begin` claims it in one
//! step; whose it is stands under its digest alone, for those who know no more.

use async_trait::async_trait;
use redis::{Cmd, Value};

use super::{FOREVER, RedisStore, SLACK, record, unreadable};
use crate::domain::identity::OneTimeClaim;
use crate::domain::{AccountId, TenantId, Timestamp};
use crate::session::{StoreError, Ticket, TicketStore, rules};

#[async_trait]
impl TicketStore for RedisStore {
    async fn put_ticket(&self, digest: OneTimeClaim, ticket: Ticket) -> Result<(), StoreError> {
        let keys = self.names.account(&ticket.tenant, &ticket.account);
        let owner = format!("{}/{}", ticket.tenant, ticket.account);
        let (owner_key, key) = (self.names.ticket_owner(&digest), keys.ticket(&digest));
        let record = record::ticket_record(&ticket)?;
        tokio::try_join!(
            self.put(&key, &record, ticket.expires_at),
            self.put(&owner_key, &owner, ticket.expires_at),
        )?;
        Ok(())
    }

    async fn peek_ticket(
        &self,
        digest: OneTimeClaim,
        now: Timestamp,
    ) -> Result<Option<Ticket>, StoreError> {
        let (key, ends) = (self.names.ticket_owner(&digest), self.ends());
        let owner = self.read_until(ends, &key, || Cmd::get(&key).into()).await?;
        let Value::BulkString(owner) = owner else { return Ok(None) };
        let (tenant, account) = read_owner(&owner).ok_or_else(|| unreadable("ticket"))?;
        let key = self.names.account(&tenant, &account).ticket(&digest);
        let record = self.read_until(ends, &key, || Cmd::get(&key).into()).await?;
        let Value::BulkString(record) = record else { return Ok(None) };
        let ticket = record::ticket(tenant, account, &record)?;
        Ok(Some(ticket).filter(|ticket| rules::alive(ticket.expires_at, now)))
    }
}

impl RedisStore {
    async fn put(&self, key: &str, value: &str, until: Timestamp) -> Result<(), StoreError> {
        let [until, slack, forever] = [until.secs(), SLACK, FOREVER].map(|n| n.to_string());
        let args = [value, &until, &slack, &forever].map(str::as_bytes);
        self.write(&self.scripts.put, &[key], &args).await?.acknowledged().map(drop)
    }
}

fn read_owner(text: &[u8]) -> Option<(TenantId, AccountId)> {
    let (tenant, account) = std::str::from_utf8(text).ok()?.split_once('/')?;
    Some((TenantId::parse(tenant).ok()?, AccountId::parse(account).ok()?))
}
