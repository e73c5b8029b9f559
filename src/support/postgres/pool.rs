//! A small pool of connections to a PostgreSQL server, or to any of several. A connection comes back only when its
//! user says that nothing is under way on it; one that is dropped in the middle of something
//! is closed, so that nobody reads another's answer or waits for another's query.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::AbortHandle;
use tokio_postgres::Client;

use super::super::{Fault, FaultKind};
use super::PostgresServer;

/// Connections that are made when they are needed and kept.
pub struct PostgresPool {
    server: Arc<PostgresServer>,
    places: Semaphore,
    idle: Mutex<Vec<Kept>>,
}

/// A connection and the task that drives it.
struct Kept {
    client: Client,
    task: AbortHandle,
}

/// Ends a connection's task when its user gives up in the middle of something: a server that
/// says nothing would keep it for ever.
pub(super) struct EndsUnlessGivenBack(pub(super) Option<AbortHandle>);

impl Drop for EndsUnlessGivenBack {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

/// A connection of one's own.
pub struct Lease<'p> {
    client: Client,
    task: EndsUnlessGivenBack,
    /// It was there before: it may have died since it was last used.
    is_reused: bool,
    pool: &'p PostgresPool,
    _place: SemaphorePermit<'p>,
}

impl PostgresPool {
    pub(super) fn new(server: Arc<PostgresServer>) -> Self {
        let places = Semaphore::new(server.max_connections());
        Self { server, places, idle: Mutex::default() }
    }

    /// For one answer.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.server.timeout()
    }

    /// A connection: one that is idle, or a new one if there is a place.
    ///
    /// # Errors
    /// A [`Fault`]; at the latest at the deadline.
    pub async fn lease(&self, deadline: Instant) -> Result<Lease<'_>, Fault> {
        let until = self.server.hope(deadline);
        let place = tokio::time::timeout_at(until.into(), self.places.acquire()).await;
        let Ok(Ok(place)) = place else {
            return Err(Fault::new(FaultKind::NotConnected, "every connection is in use"));
        };
        let idle = self.idle();
        let is_reused = idle.is_some();
        let Kept { client, task } = match idle {
            Some(kept) => kept,
            None => {
                let (client, task) = self.server.open(deadline).await?;
                Kept { client, task }
            }
        };
        let task = EndsUnlessGivenBack(Some(task));
        Ok(Lease { client, task, is_reused, pool: self, _place: place })
    }

    /// Drops what is idle: after one connection died, the others have, too.
    pub fn forget_idle(&self) {
        self.idle.lock().clear();
    }

    fn idle(&self) -> Option<Kept> {
        let mut idle = self.idle.lock();
        idle.retain(|kept| !kept.client.is_closed());
        idle.pop()
    }
}

impl Lease<'_> {
    /// Whether the connection was there before and may have died since.
    #[must_use]
    pub fn is_reused(&self) -> bool {
        self.is_reused
    }

    /// Gives the connection back for others; nothing may be under way on it.
    pub fn give_back(mut self) {
        if let (Some(task), false) = (self.task.0.take(), self.client.is_closed()) {
            self.pool.idle.lock().push(Kept { client: self.client, task });
        }
    }
}

impl Deref for Lease<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl fmt::Debug for PostgresPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresPool")
            .field("idle", &self.idle.lock().len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Lease<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("is_reused", &self.is_reused).finish_non_exhaustive()
    }
}
