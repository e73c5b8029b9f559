//! One-time tickets in PostgreSQL. Taking one is part of `begin.rs`.

use async_trait::async_trait;
use tokio_postgres::types::Type;

use super::call::{On, Operation};
use super::error::Error;
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
        let put = on.client.execute_typed(
            &on.sql.put_ticket,
            &[
                (&&self.digest.0[..], Type::BYTEA),
                (&tenant.as_str(), Type::TEXT),
                (&service.as_str(), Type::TEXT),
                (&account.as_str(), Type::TEXT),
                (&expires_at.secs(), Type::INT8),
                (&sign_on, Type::TEXT),
            ],
        );
        put.await?;
        Ok(())
    }
}

struct Peek(OneTimeClaim);

impl Operation for Peek {
    type Answer = Option<Ticket>;

    async fn run(&self, on: On<'_>) -> Result<Option<Ticket>, Error> {
        let digest = (&&self.0.0[..] as _, Type::BYTEA);
        let found = on.client.query_typed_opt(&on.sql.find_ticket, &[digest]).await?;
        found.as_ref().map(row::ticket).transpose()
    }
}
