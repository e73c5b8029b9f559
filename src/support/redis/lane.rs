//! One connection of a [`Node`](super::node::Node) that is made again after it was lost. Unlike
//! a [`RedisLink`](super::RedisLink), an attempt to connect belongs to nobody who waits for it:
//! it goes on when they give up, all who wait share its outcome, and for a moment after a failed
//! one everybody is refused at once. So an outage costs callers little and the server less.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;

use super::clock::ServerClock;
use crate::support::{Fault, FaultKind};

/// How long after a failed attempt the next one may begin.
const PAUSE: Duration = Duration::from_millis(100);

/// A place for one connection.
#[derive(Default)]
pub(super) struct Lane(Arc<Mutex<State>>);

/// A connection that was good when it was last used.
pub(super) struct Live {
    connection: MultiplexedConnection,
    /// That of its server.
    pub(super) clock: ServerClock,
}

#[derive(Default)]
struct State {
    live: Option<Arc<Live>>,
    attempt: Option<Attempt>,
    failed: Option<(Instant, Fault)>,
}

type Attempt = Shared<BoxFuture<'static, Result<Arc<Live>, Fault>>>;

impl Live {
    pub(super) fn new(connection: MultiplexedConnection, clock: ServerClock) -> Self {
        Self { connection, clock }
    }

    /// For one call.
    pub(super) fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }
}

impl Lane {
    /// The connection, or the outcome of an attempt to make one by `connect`.
    ///
    /// # Errors
    /// A [`Fault`] of the attempt; nobody has seen a command.
    pub(super) async fn live<F>(&self, connect: impl FnOnce() -> F) -> Result<Arc<Live>, Fault>
    where
        F: Future<Output = Result<Live, Fault>> + Send + 'static,
    {
        let attempt = {
            let mut state = self.0.lock();
            if let Some(live) = &state.live {
                return Ok(Arc::clone(live));
            }
            if let Some((at, fault)) = &state.failed
                && at.elapsed() < PAUSE
            {
                return Err(fault.clone());
            }
            let place = Arc::clone(&self.0);
            state.attempt.get_or_insert_with(|| begin(place, connect())).clone()
        };
        attempt.await
    }

    /// Gives the connection up, whichever it is.
    pub(super) fn clear(&self) {
        self.0.lock().live = None;
    }

    /// Gives this connection up, unless another one has taken its place already.
    pub(super) fn forget(&self, live: &Arc<Live>) {
        let mut state = self.0.lock();
        if state.live.as_ref().is_some_and(|current| Arc::ptr_eq(current, live)) {
            state.live = None;
        }
    }
}

/// Connects in a task of its own, which notes the outcome.
fn begin<F>(place: Arc<Mutex<State>>, connect: F) -> Attempt
where
    F: Future<Output = Result<Live, Fault>> + Send + 'static,
{
    let task = tokio::spawn(async move {
        let made = connect.await.map(Arc::new);
        let mut state = place.lock();
        state.attempt = None;
        match &made {
            Ok(live) => state.live = Some(Arc::clone(live)),
            Err(fault) => state.failed = Some((Instant::now(), fault.clone())),
        }
        made
    });
    let ended = |_| Err(Fault::new(FaultKind::NotConnected, "the process is ending"));
    async move { task.await.unwrap_or_else(ended) }.boxed().shared()
}
