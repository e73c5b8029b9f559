//! One-time tickets in PostgreSQL. Taking one is part of `begin.rs`.

use async_trait::async_trait;

use super::call::Operation;
use super::error::Error;
use super::on::On;
use super::value::Value;
use super::{PostgresStore, row};
use crate::domain::Timestamp;
use crate::domain::identity::OneTimeClaim;
use crate::session::{StoreError, Ticket, TicketStore, rules};

#[async_trait]
impl TicketStore for PostgresStore {
    async fn put_ticket(&self, digest: OneTimeClaim, ticket: Ticket) -> Result<(), StoreError> {
        self.call(Put { digest, ticket }).await
    }

    async fn peek_ticket(
        &self,
        digest: OneTimeClaim,
        now: Timestamp,
    ) -> Result<Option<Ticket>, StoreError> {
        let ticket = self.call(Peek(digest)).await?;
        Ok(ticket.filter(|ticket| rules::alive(ticket.expires_at, now)))
    }
}

struct Put {
    digest: OneTimeClaim,
    ticket: Ticket,
}

impl Operation for Put {
    type Answer = ();

    async fn run(&self, on: On<'_>) -> Result<(), Error> {
        let Ticket { tenant, service, account, expires_at, sign_on } = &self.ticket;
        let sign_on = sign_on.as_ref().map(row::json_text).transpose()?;
        let values = [
            Value::Bytes(&self.digest.0),
            Value::Text(tenant.as_str()),
            Value::Text(service.as_str()),
            Value::Text(account.as_str()),
            Value::Int8(expires_at.secs()),
            Value::MaybeText(sign_on.as_deref()),
        ];
        on.execute(&on.sql.put_ticket, &values).await?;
        Ok(())
    }
}

struct Peek(OneTimeClaim);

impl Operation for Peek {
    type Answer = Option<Ticket>;

    const WRITES: bool = false;

    async fn run(&self, on: On<'_>) -> Result<Option<Ticket>, Error> {
        let found = on.row(&on.sql.find_ticket, &[Value::Bytes(&self.0.0)]).await?;
        found.as_ref().map(row::ticket).transpose()
    }
}
