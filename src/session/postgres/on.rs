//! What an operation works with: one connection, the statements, and how its caller is doing.
//! Statements go out when their futures are first polled, so that several that are polled
//! together make one round trip. Decides nothing.

use std::time::Instant;

use tokio::sync::oneshot;
use tokio_postgres::Row;

use super::error::Error;
use super::pool::{self, Connection};
use super::sql::Statements;
use super::value::{Value, typed};

/// Begins a transaction in which each statement sees what was committed before it, whatever
/// the role's default is; and which the server ends if this node vanishes in the middle of it.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; \
     SET LOCAL idle_in_transaction_session_timeout = '10s'";

/// What an operation is carried out with.
#[derive(Clone, Copy)]
pub(super) struct On<'a> {
    pub(super) connection: &'a Connection,
    pub(super) sql: &'a Statements,
    /// The operation may have happened already: the connection was lost while it was under way.
    pub(super) is_repeated: bool,
    pub(super) deadline: Instant,
    pub(super) caller: &'a dyn Caller,
}

/// Who waits for an answer.
pub(super) trait Caller: Sync {
    /// Whether nobody does any more.
    fn has_gone(&self) -> bool;
}

impl<T: Send> Caller for oneshot::Sender<T> {
    fn has_gone(&self) -> bool {
        self.is_closed()
    }
}

/// Each is sent when it is first polled; what is sent before an answer came waits for none.
impl On<'_> {
    /// Carries statements without parameters out, several at once in one transaction.
    pub(super) async fn simple(self, statements: &str) -> Result<(), Error> {
        Ok(self.connection.client.batch_execute(statements).await?)
    }

    /// How many rows the statement changed.
    pub(super) async fn execute(self, statement: &str, values: &[Value<'_>]) -> Result<u64, Error> {
        Ok(self.connection.client.execute_typed(statement, &typed(values)).await?)
    }

    /// What the statement answers.
    pub(super) async fn rows(
        self,
        statement: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, Error> {
        Ok(self.connection.client.query_typed(statement, &typed(values)).await?)
    }

    /// The one row that the statement answers, if any.
    pub(super) async fn row(
        self,
        statement: &str,
        values: &[Value<'_>],
    ) -> Result<Option<Row>, Error> {
        Ok(self.rows(statement, values).await?.pop())
    }

    /// What `sql.rotate` answers.
    pub(super) async fn rotate(self, values: &[Value<'_>]) -> Result<Option<Row>, Error> {
        let Some(prepared) = &self.connection.rotate else {
            return self.row(&self.sql.rotate, values).await;
        };
        let params: Vec<_> = typed(values).into_iter().map(|(value, _)| value).collect();
        Ok(self.connection.client.query(prepared, &params).await?.pop())
    }

    /// Whether the server is still one to write to.
    pub(super) async fn check(self) -> Result<(), Error> {
        pool::check(&self.connection.client, self.sql).await.map(drop)
    }

    /// Whether the caller has given up, and may have asked again elsewhere.
    pub(super) fn is_abandoned(self) -> bool {
        self.caller.has_gone() || Instant::now() >= self.deadline
    }

    /// When the operation's caller gives up, by the server's clock in seconds since the epoch.
    pub(super) fn ends_at(self) -> f64 {
        self.connection.clock.at(self.deadline)
    }
}
