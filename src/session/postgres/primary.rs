//! Which of several servers is the one to write to. The primary takes writes; but after a
//! failover the old one may come back and take them, too, if nobody has told it. It has not been
//! promoted since, so it is on an older timeline (PostgreSQL, "Continuous Archiving", timelines).

use std::sync::Arc;

use parking_lot::Mutex;
use tokio_postgres::Client;

use super::error::{self, Error};
use super::pool::{self, ServerClock};
use super::row;
use super::sql::Statements;
use crate::support::postgres::{self, Fit, Wanted};
use crate::support::{Fault, FaultKind};

/// A server that takes writes and keeps them, and of several the one that was promoted last.
#[derive(Clone)]
pub(super) struct Primary {
    pub(super) sql: Arc<Statements>,
    /// What is known of the servers; with one of them there is nothing to compare, and nothing
    /// more is asked.
    pub(super) newest: Option<Arc<Newest>>,
}

/// The newest timeline that has been seen to take writes, and whose it is.
#[derive(Debug, Default)]
pub(super) struct Newest(Mutex<Option<Timeline>>);

/// One branch of a database's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Timeline {
    /// Which database it is: the same on a primary and its standbys.
    system: i64,
    /// Goes up with each promotion.
    number: u64,
}

impl Wanted for Primary {
    type Found = ServerClock;

    async fn look(&self, client: &Client) -> Result<Fit<ServerClock>, Fault> {
        let found = pool::check(client, &self.sql).await.map_err(|error| told(&error))?;
        let Some(newest) = &self.newest else { return Ok(Fit { rank: None, found }) };
        let timeline = timeline(client, &self.sql).await.map_err(|error| told(&error))?;
        if timeline.is_some_and(|timeline| !newest.admits(timeline)) {
            let reason = "another server has been promoted since this one was the primary";
            return Err(Fault::new(FaultKind::Refused, reason));
        }
        Ok(Fit { rank: Some(timeline.map_or(0, |timeline| timeline.number)), found })
    }
}

impl Newest {
    /// Whether nothing newer has been seen of the same database. Remembers what is.
    fn admits(&self, timeline: Timeline) -> bool {
        let mut newest = self.0.lock();
        match &mut *newest {
            Some(known) if known.system != timeline.system => true,
            Some(known) if known.number > timeline.number => false,
            known => {
                *known = Some(timeline);
                true
            }
        }
    }
}

/// Where the server is in the database's history; `None` for what has none and only speaks
/// PostgreSQL's protocol.
async fn timeline(client: &Client, sql: &Statements) -> Result<Option<Timeline>, Error> {
    let row = match client.query_typed_one(&sql.timeline, &[]).await {
        Ok(row) => row,
        Err(error) if error::is_unsupported(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let number = row::column::<i64>(&row, 1)?.unsigned_abs();
    Ok(Some(Timeline { system: row::column(&row, 0)?, number }))
}

fn told(error: &Error) -> Fault {
    match error {
        Error::Unfit(fault) => fault.clone(),
        Error::Postgres(error) => postgres::fault(error),
        _ => Fault::new(FaultKind::Nonsense, "postgresql says in no known form what it is"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeline_is_refused_once_a_newer_one_of_the_same_database_was_seen() {
        let newest = Newest::default();
        let on = |system, number| newest.admits(Timeline { system, number });
        assert!(on(1, 7) && on(1, 7) && on(1, 8));
        assert!(!on(1, 7));
        // Another database altogether is somebody's decision, and no failover.
        assert!(on(2, 1) && !on(1, 7));
    }
}
