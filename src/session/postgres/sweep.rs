//! Removes what has expired from PostgreSQL. An index on a session's expiry would make every
//! refresh write the index too; so a session has a column for the sweep alone. It says when the
//! session would have expired as of its beginning. The sweep looks at what is due by that, and
//! puts what has been refreshed since off until it would expire now: once in an idle lifetime
//! for each live session, whatever its rate of refreshes.
//!
//! Every node sweeps: rows that another one has just taken are passed over.

use super::call::Operation;
use super::error::Error;
use super::on::On;
use super::row;
use super::value::Value;
use crate::domain::Timestamp;

/// Batches that one call looks at when nothing in them has expired.
const BATCHES: u32 = 16;

/// A sweep.
pub(super) struct Sweep {
    pub(super) limit: u32,
    pub(super) now: Timestamp,
}

impl Operation for Sweep {
    type Answer = u32;

    async fn run(&self, on: On<'_>) -> Result<u32, Error> {
        let (now, limit) = (self.now.secs(), i64::from(self.limit));
        if limit == 0 {
            return Ok(0);
        }
        let mut sessions = 0;
        for _ in 0..BATCHES {
            let values = [Value::Int8(now), Value::Int8(limit)];
            let swept = on.row(&on.sql.sweep_sessions, &values).await?;
            let swept = swept.ok_or(Error::Content("a count"))?;
            sessions = row::column::<i64>(&swept, 0)?;
            let looked_at: i64 = row::column(&swept, 1)?;
            if sessions > 0 || looked_at < limit || on.is_abandoned() {
                break;
            }
        }
        let left = limit - sessions;
        let values = [Value::Int8(now), Value::Int8(left)];
        let tickets = match left {
            ..=0 => 0,
            _ => on.execute(&on.sql.sweep_tickets, &values).await?,
        };
        let removed = u64::try_from(sessions).unwrap_or(0) + tickets;
        Ok(u32::try_from(removed).unwrap_or(u32::MAX))
    }
}
