//! What time it is at a server ([`ServerClock`]), so that a call can say until when it is to be
//! carried out: clocks of machines differ. Read over each connection when it is made, and again
//! now and then, because clocks are set and drift apart.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use redis::Value;
use redis::aio::MultiplexedConnection;

use super::RedisServer;
use super::sentinel::soon;
use crate::support::{Fault, FaultKind};

/// How long a reading is relied on.
const FRESH: Duration = Duration::from_secs(60);

/// The clock of the server of one connection.
pub(super) struct ServerClock(Mutex<Reading>);

struct Reading {
    /// When the answer came, which is later than what it says: so the server's time is taken for
    /// earlier than it is, by what the answer took, and a call is given up there too soon rather
    /// than too late.
    at: Instant,
    /// Since the epoch.
    millis: u64,
    /// Somebody has set out to read it again.
    is_renewed: bool,
}

impl ServerClock {
    /// Asks over a new connection.
    ///
    /// # Errors
    /// A [`Fault`], at the latest after the server's timeout.
    pub(super) async fn read(
        server: &RedisServer,
        connection: &mut MultiplexedConnection,
    ) -> Result<Self, Fault> {
        Ok(Self(Mutex::new(ask(server, connection).await?)))
    }

    /// Asks again.
    ///
    /// # Errors
    /// A [`Fault`], at the latest after the server's timeout.
    pub(super) async fn read_again(
        &self,
        server: &RedisServer,
        connection: &mut MultiplexedConnection,
    ) -> Result<(), Fault> {
        let outcome = ask(server, connection).await;
        let mut reading = self.0.lock();
        reading.is_renewed = false;
        *reading = outcome?;
        Ok(())
    }

    /// The server's time at a moment of this machine's, in milliseconds since the epoch.
    pub(super) fn at(&self, moment: Instant) -> u64 {
        let reading = self.0.lock();
        let since = moment.saturating_duration_since(reading.at).as_millis();
        reading.millis.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }

    /// Whether the caller is the one to read it again.
    pub(super) fn is_due(&self) -> bool {
        let mut reading = self.0.lock();
        let is_due = !reading.is_renewed && reading.at.elapsed() >= FRESH;
        reading.is_renewed |= is_due;
        is_due
    }
}

async fn ask(
    server: &RedisServer,
    connection: &mut MultiplexedConnection,
) -> Result<Reading, Fault> {
    let answer: Value = soon(server, &redis::cmd("TIME"), connection).await?;
    let nonsense = |_| Fault::new(FaultKind::Nonsense, "redis tells the time in no known form");
    let (secs, micros): (u64, u64) = redis::from_redis_value(answer).map_err(nonsense)?;
    let millis = secs.saturating_mul(1000).saturating_add(micros / 1000);
    Ok(Reading { at: Instant::now(), millis, is_renewed: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_from_what_was_read() {
        let at = Instant::now();
        let clock = ServerClock(Mutex::new(Reading { at, millis: 5_000, is_renewed: false }));
        assert_eq!(clock.at(at + Duration::from_millis(250)), 5_250);
        assert_eq!(clock.at(at - Duration::from_millis(1)), 5_000);
        assert!(!clock.is_due());
    }

    #[test]
    fn one_caller_reads_an_old_one_again() {
        let at = Instant::now() - FRESH;
        let clock = ServerClock(Mutex::new(Reading { at, millis: 0, is_renewed: false }));
        assert!(clock.is_due());
        assert!(!clock.is_due());
    }
}
