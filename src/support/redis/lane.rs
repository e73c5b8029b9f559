//! One connection of a [`Node`](super::node::Node) that is made again after it was lost. Unlike
//! a [`RedisLink`](super::RedisLink), an attempt to connect belongs to nobody who waits for it:
//! it goes on when they give up, and all who wait share its outcome. For a moment after a failed
//! one everybody is refused at once, and one that soon follows is waited for a moment only. So an outage
//! costs callers little and the server less.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;

use super::clock::ServerClock;
use crate::support::fault::{HOPE, RECENT};
use crate::support::{Fault, FaultKind};

/// How long after a failed attempt the next one may begin.
const PAUSE: Duration = Duration::from_millis(100);

/// A place for one connection.
#[derive(Default)]
pub(super) struct Lane(Arc<Mutex<State>>);

/// A connection that was good when it was last used.
pub(super) struct Live {
    connection: MultiplexedConnection,
    clock: Mutex<Reading>,
}

/// What is known of the time at the other end.
struct Reading {
    clock: ServerClock,
    is_being_read: bool,
}

#[derive(Default)]
struct State {
    live: Option<Arc<Live>>,
    /// The one that is under way, and why another one had failed a moment before it, if it had.
    attempt: Option<(Attempt, Option<Fault>)>,
    /// The last attempt, if it failed.
    failed: Option<(Instant, Fault)>,
}

type Attempt = Shared<BoxFuture<'static, Result<Arc<Live>, Fault>>>;

impl Live {
    /// A new connection, whose server says what time it is there.
    ///
    /// # Errors
    /// A [`Fault`] when it does not.
    pub(super) async fn new(
        mut connection: MultiplexedConnection,
        timeout: Duration,
    ) -> Result<Self, Fault> {
        let clock = ServerClock::read(&mut connection, timeout).await?;
        Ok(Self { connection, clock: Mutex::new(Reading { clock, is_being_read: false }) })
    }

    /// For one call.
    pub(super) fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }

    /// The server's clock. One that was read long ago is read again for the calls that follow.
    pub(super) fn clock(self: &Arc<Self>, timeout: Duration) -> ServerClock {
        let mut reading = self.clock.lock();
        if reading.clock.is_old() && !reading.is_being_read {
            reading.is_being_read = true;
            let live = Arc::clone(self);
            tokio::spawn(async move {
                let read = ServerClock::read(&mut live.connection(), timeout).await;
                let mut reading = live.clock.lock();
                reading.is_being_read = false;
                if let Ok(clock) = read {
                    reading.clock = clock;
                }
            });
        }
        reading.clock
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
        let (attempt, failed) = {
            let mut state = self.0.lock();
            if let Some(live) = &state.live {
                return Ok(Arc::clone(live));
            }
            if let Some((at, fault)) = &state.failed
                && at.elapsed() < PAUSE
            {
                return Err(fault.clone());
            }
            let recently = state.failed.take_if(|(at, _)| at.elapsed() < RECENT);
            let place = Arc::clone(&self.0);
            let attempt = || (begin(place, connect()), recently.map(|(_, fault)| fault));
            state.attempt.get_or_insert_with(attempt).clone()
        };
        match failed {
            None => attempt.await,
            Some(fault) => tokio::time::timeout(HOPE, attempt).await.unwrap_or(Err(fault)),
        }
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
            Ok(live) => (state.live, state.failed) = (Some(Arc::clone(live)), None),
            Err(fault) => state.failed = Some((Instant::now(), fault.clone())),
        }
        made
    });
    let ended = |_| Err(Fault::new(FaultKind::NotConnected, "the process is ending"));
    async move { task.await.unwrap_or_else(ended) }.boxed().shared()
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn after_a_failed_attempt_the_next_one_is_waited_for_a_moment_only() {
        let (lane, fault) = (Lane::default(), Fault::new(FaultKind::NotConnected, "refused"));
        let begun = Instant::now();
        let failed = lane.live(|| ready(Err(Fault::clone(&fault)))).await;
        assert_eq!(failed.err().as_ref(), Some(&fault));
        // At once at first.
        let waited = async {
            loop {
                let asked = Instant::now();
                assert_eq!(lane.live(pending).await.err().as_ref(), Some(&fault));
                if asked.elapsed() >= HOPE {
                    break;
                }
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(30), waited).await;
        assert!(waited.is_ok(), "it waits for ever, or not at all");
        assert!(begun.elapsed() >= PAUSE + HOPE, "{:?}", begun.elapsed());
    }
}
