//! How an operation is carried out: on a connection of its own, in a task of its own, until
//! a deadline. A caller who gives up, or is dropped, abandons the answer and not the
//! operation, so that no connection is left in the middle of something.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio_postgres::Client;

use super::PostgresStore;
use super::error::{self, Consequence, Error};
use super::on::{Caller, On};
use super::pool::Pool;
use super::sql::Statements;
use super::stall::Stall;
use crate::session::StoreError;

/// How long after its caller's deadline an operation keeps its connection for an answer. A
/// server that has stalled gets no new connections in the meantime, beyond the pool's number.
pub(super) const LINGER: Duration = Duration::from_secs(5);

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

    /// Whether it changes something.
    const WRITES: bool = true;

    /// Carries it out.
    fn run(&self, on: On<'_>) -> impl Future<Output = Result<Self::Answer, Error>> + Send;
}

/// What calls share.
pub(super) struct Shared {
    pub(super) pool: Pool,
    pub(super) sql: Arc<Statements>,
    /// For one call, waiting for a connection included.
    pub(super) timeout: Duration,
    pub(super) stall: Stall,
}

impl PostgresStore {
    /// Carries out an operation.
    ///
    /// # Errors
    /// [`StoreError`]: it did not happen, or nobody knows.
    pub(super) async fn call<O: Operation>(&self, operation: O) -> Result<O::Answer, StoreError> {
        let shared = Arc::clone(&self.shared);
        let deadline = Instant::now() + shared.timeout;
        if O::WRITES {
            shared.commits(deadline).await?;
        }
        let place = shared.pool.place(deadline).await.map_err(|f| error::unavailable(&f))?;
        let (answer, answered) = oneshot::channel();
        let asked = Arc::clone(&shared);
        tokio::spawn(async move {
            let outcome = shared.carry_out(&operation, deadline, &answer).await;
            drop(place);
            // Nobody may be waiting any more.
            let _ = answer.send(outcome);
        });
        match tokio::time::timeout_at(deadline.into(), answered).await {
            Ok(Ok(outcome)) => outcome,
            _ => {
                asked.stall.begins();
                Err(error::late())
            }
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
            let held = self.pool.connection(deadline).await?;
            let connection = &held.connection;
            let on = On { connection, sql: &self.sql, is_repeated, deadline, caller };
            let running = operation.run(on);
            let Ok(outcome) = tokio::time::timeout_at((deadline + LINGER).into(), running).await
            else {
                self.pool.doubt();
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
