//! How an operation is carried out: on a connection of its own, in a task of its own, until
//! a deadline. A caller who gives up, or is dropped, abandons the answer and not the
//! operation, so that no connection is left in the middle of something.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio_postgres::{Client, Row};

use super::PostgresStore;
use super::error::{self, Consequence, Error};
use super::pool::{self, Connection, Pool};
use super::sql::Statements;
use super::value::{Value, typed};
use crate::session::StoreError;

/// How long after its caller's deadline an operation keeps its connection for an answer. A
/// server that has stalled gets no new connections in the meantime, beyond the pool's number.
const LINGER: Duration = Duration::from_secs(5);

/// The most times that an operation is tried when other transactions are in its way.
const TRIES: u32 = 4;

/// Something that the store does, as a value that can be carried out again.
pub(super) trait Operation: Send + Sync + 'static {
    /// What it answers.
    type Answer: Send + 'static;

    /// Whether it answers the truth when it is carried out once more after it may have happened.
    const REPEATABLE: bool = true;

    /// Whether it begins transactions, which an error may leave open.
    const IS_TRANSACTION: bool = false;

    /// Carries it out.
    fn run(&self, on: On<'_>) -> impl Future<Output = Result<Self::Answer, Error>> + Send;
}

/// Begins a transaction in which each statement sees what was committed before it, whatever
/// the role's default is; and which the server ends if this node vanishes in the middle of it.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; \
     SET LOCAL idle_in_transaction_session_timeout = '10s'";

/// What an operation is carried out with.
#[derive(Clone, Copy)]
pub(super) struct On<'a> {
    connection: &'a Connection,
    pub(super) sql: &'a Statements,
    /// The operation may have happened already: the connection was lost while it was under way.
    pub(super) is_repeated: bool,
    deadline: Instant,
    caller: &'a dyn Caller,
}

/// Who waits for an answer.
trait Caller: Sync {
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

    /// When the operation will have been given up for good, by the server's clock in seconds
    /// since the epoch.
    pub(super) fn ends_at(self) -> f64 {
        self.connection.clock.at(self.deadline + LINGER)
    }
}

/// What calls share.
pub(super) struct Shared {
    pub(super) pool: Pool,
    pub(super) sql: Statements,
    /// For one call, waiting for a connection included.
    pub(super) timeout: Duration,
}

impl PostgresStore {
    /// Carries out an operation.
    ///
    /// # Errors
    /// [`StoreError`]: it did not happen, or nobody knows.
    pub(super) async fn call<O: Operation>(&self, operation: O) -> Result<O::Answer, StoreError> {
        let shared = Arc::clone(&self.shared);
        let deadline = Instant::now() + shared.timeout;
        let place = shared.pool.place(deadline).await.map_err(|f| error::unavailable(&f))?;
        let (answer, answered) = oneshot::channel();
        tokio::spawn(async move {
            let outcome = shared.carry_out(&operation, deadline, &answer).await;
            drop(place);
            // Nobody may be waiting any more.
            let _ = answer.send(outcome);
        });
        match tokio::time::timeout_at(deadline.into(), answered).await {
            Ok(Ok(outcome)) => outcome,
            _ => Err(error::late()),
        }
    }
}

impl Shared {
    async fn carry_out<O: Operation>(
        &self,
        operation: &O,
        deadline: Instant,
        caller: &dyn Caller,
    ) -> Result<O::Answer, StoreError> {
        let mut is_repeated = false;
        let mut tries = 0;
        loop {
            tries += 1;
            let held = self.pool.connection(&self.sql, deadline).await?;
            let connection = &held.connection;
            let on = On { connection, sql: &self.sql, is_repeated, deadline, caller };
            let running = operation.run(on);
            let Ok(outcome) = tokio::time::timeout_at((deadline + LINGER).into(), running).await
            else {
                return Err(error::late());
            };
            let error = match outcome {
                Ok(answer) => {
                    self.pool.give_back(held);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let (consequence, is_reused) = (error.consequence(), held.is_reused);
            match consequence {
                Consequence::Again | Consequence::Refused => {
                    if !O::IS_TRANSACTION || undo(&held.connection.client, deadline + LINGER).await
                    {
                        self.pool.give_back(held);
                    }
                }
                Consequence::Elsewhere | Consequence::Lost => self.pool.forget(),
            }
            let is_worth_it = match consequence {
                Consequence::Again => tries < TRIES,
                // Connections that were idle say only now that the server was restarted, or is
                // no longer the primary. A new one tells what holds.
                Consequence::Elsewhere => is_reused && tries < TRIES,
                Consequence::Lost => is_reused && O::REPEATABLE && !is_repeated,
                Consequence::Refused => false,
            };
            if !is_worth_it || Instant::now() >= deadline {
                return Err(error.told());
            }
            is_repeated |= consequence == Consequence::Lost;
        }
    }
}

/// Undoes what an operation has begun; `true`: the connection is as good as before.
async fn undo(client: &Client, deadline: Instant) -> bool {
    let undone = tokio::time::timeout_at(deadline.into(), client.batch_execute("ROLLBACK"));
    matches!(undone.await, Ok(Ok(())))
}
