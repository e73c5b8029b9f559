//! Runs a query that was checked and answers its row or rows, in one round trip: `begin read only`
//! with a timeout, the query, `commit`, sent together. The statement is unnamed, so that a
//! proxy that shares connections between transactions does not break it.

use std::pin::pin;
use std::time::Instant;

use futures_util::TryStreamExt;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row};

use super::super::{Fault, FaultKind};
use super::{Lease, PostgresPool, Statement, fault};

/// Asks one database.
#[derive(Debug)]
pub struct Fetch {
    pool: PostgresPool,
    /// What begins each transaction.
    begin: String,
}

impl Fetch {
    /// With the pool's timeout for every statement.
    #[must_use]
    pub fn new(pool: PostgresPool) -> Self {
        let millis = pool.timeout().as_millis().max(1);
        let begin = format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {millis}");
        Self { pool, begin }
    }

    /// The row, if there is one.
    ///
    /// # Errors
    /// A [`Fault`], at the latest at the deadline or after the timeout; two rows are one.
    pub async fn one(
        &self,
        query: &Statement,
        parameter: &str,
        deadline: Instant,
    ) -> Result<Option<Row>, Fault> {
        Ok(self.rows(query, parameter, 1, deadline).await?.pop())
    }

    /// The first column of every row, which must be a text.
    ///
    /// # Errors
    /// A [`Fault`], as [`Fetch::one`]; more than `most` rows are one.
    pub async fn texts(
        &self,
        query: &Statement,
        parameter: &str,
        most: usize,
        deadline: Instant,
    ) -> Result<Vec<String>, Fault> {
        let rows = self.rows(query, parameter, most, deadline).await?;
        let text = |row: &Row| {
            let no_text = |_| Fault::new(FaultKind::WrongType, "query answers no text");
            row.try_get::<_, String>(0).map_err(no_text)
        };
        rows.iter().map(text).collect()
    }

    async fn rows(
        &self,
        query: &Statement,
        parameter: &str,
        most: usize,
        deadline: Instant,
    ) -> Result<Vec<Row>, Fault> {
        let deadline = deadline.min(Instant::now() + self.pool.timeout());
        let asked = async {
            let lease = self.pool.lease(deadline).await?;
            let is_reused = lease.is_reused();
            match self.on(lease, query, parameter, most).await {
                // It has died since it was used last, and so have the others.
                Err(Fault { kind: FaultKind::Lost, .. }) if is_reused => {
                    self.pool.forget_idle();
                    let lease = self.pool.lease(deadline).await?;
                    self.on(lease, query, parameter, most).await
                }
                outcome => outcome,
            }
        };
        let outcome = tokio::time::timeout_at(deadline.into(), asked).await;
        outcome.unwrap_or_else(|_| Err(Fault::late()))
    }

    async fn on(
        &self,
        lease: Lease<'_>,
        query: &Statement,
        parameter: &str,
        most: usize,
    ) -> Result<Vec<Row>, Fault> {
        // The first poll sends, in this order.
        let (begun, rows, ended) = tokio::join!(
            lease.batch_execute(&self.begin),
            rows(&lease, query, parameter, most),
            lease.batch_execute("COMMIT"),
        );
        let rows = match (begun, rows) {
            (Err(error), _) | (_, Err(error)) => Err(fault(&error)),
            (Ok(()), Ok(rows)) => Ok(rows),
        };
        // Whatever the query did, the transaction is over; else the connection is dropped.
        if ended.is_ok() {
            lease.give_back();
        }
        let rows = rows?;
        if rows.len() > most {
            let why = if most == 1 { "more than one row" } else { "too many rows" };
            return Err(Fault::new(FaultKind::WrongType, format!("query answers {why}")));
        }
        Ok(rows)
    }
}

/// At most one row too many; a query that goes on is drained without keeping what it answers.
async fn rows(
    lease: &Lease<'_>,
    query: &Statement,
    parameter: &str,
    most: usize,
) -> Result<Vec<Row>, Error> {
    let parameter: (&(dyn ToSql + Sync), Type) = (&parameter, Type::TEXT);
    let mut stream = pin!(lease.query_typed_raw(query.sql(), [parameter]).await?);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        if rows.len() <= most {
            rows.push(row);
        }
    }
    Ok(rows)
}
