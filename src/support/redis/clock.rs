//! A Redis server's clock, as it was read over one of our connections: what a call says of its
//! own lateness must be in the server's time, which need not be this machine's.

use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;

use super::fault;
use crate::support::{Fault, FaultKind};

/// How long a reading is used, so that it drifts by no more than a few milliseconds.
const LIFETIME: Duration = Duration::from_secs(60);

/// What time it was at a server, and when that was.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServerClock {
    read_at: Instant,
    epoch_micros: u64,
}

impl ServerClock {
    /// Asks the server.
    ///
    /// # Errors
    /// A [`Fault`]; nothing has been changed.
    pub(super) async fn read(
        connection: &mut MultiplexedConnection,
        timeout: Duration,
    ) -> Result<Self, Fault> {
        let asked = redis::cmd("TIME");
        let answer = asked.query_async::<(u64, u64)>(connection);
        let answer = tokio::time::timeout(timeout, answer).await.map_err(|_| Fault::late())?;
        let (secs, micros) = answer.map_err(|e| fault(&e))?;
        let epoch_micros = secs.checked_mul(1_000_000).and_then(|s| s.checked_add(micros));
        let nonsense = || Fault::new(FaultKind::Nonsense, "redis tells no time");
        // Noted after the answer: so the server's time is taken for a little earlier than it is, and
        // never for later.
        Ok(Self { read_at: Instant::now(), epoch_micros: epoch_micros.ok_or_else(nonsense)? })
    }

    /// The server's time at a moment of this machine's, in microseconds since the epoch.
    pub(super) fn at(self, moment: Instant) -> u64 {
        let since = moment.saturating_duration_since(self.read_at).as_micros();
        self.epoch_micros.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }

    /// Whether it is to be read again.
    pub(super) fn is_old(self) -> bool {
        self.read_at.elapsed() > LIFETIME
    }
}
