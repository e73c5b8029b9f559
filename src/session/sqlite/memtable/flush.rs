//! Writes the old layer to the trees, a piece with each commit, in the trees' order; and then removes
//! its part of the log. A piece may be written twice, or when a tree has something newer: a
//! session's generation only goes up, and what the tree has of an account stays.

use std::ops::Bound::{Excluded, Unbounded};

use rusqlite::Connection;

use super::super::{accounts, refresh};
use super::change::AccountRow;
use super::layer::Layer;
use super::{SessionKey, log};

/// Rows of the log that are removed with a commit: each is a page or two.
const TRIM: u32 = 16;

/// How far it is.
#[derive(Debug, Clone)]
pub(super) enum Flush {
    /// Sessions are written up to this one.
    Sessions(Option<SessionKey>),
    /// They all are, and accounts up to this row.
    Accounts(Option<AccountRow>),
    /// Everything is; the log still has it.
    Log,
    /// Nobody needs the layer any more.
    Done,
}

impl Flush {
    /// Writes about `most` entries of `old`, but for what `batch` has taken out. Answers how far it is
    /// if that is committed.
    pub(super) fn step(
        &self,
        db: &Connection,
        (old, batch): (&Layer, &Layer),
        log_until: i64,
        most: usize,
    ) -> rusqlite::Result<Self> {
        match self {
            Self::Sessions(written) => {
                let from = written.as_ref().map_or(Unbounded, Excluded);
                let mut reached = Self::Accounts(None);
                for (n, (key, generation)) in old.generations.range((from, Unbounded)).enumerate() {
                    if let Some(generation) = generation {
                        refresh::store(db, key, *generation)?;
                    }
                    if n + 1 >= most {
                        reached = Self::Sessions(Some(key.clone()));
                        break;
                    }
                }
                Ok(reached)
            }
            Self::Accounts(written) => {
                let from = written.as_ref().map_or(Unbounded, Excluded);
                let mut reached = Self::Log;
                for (n, (row, device)) in old.rows.range((from, Unbounded)).enumerate() {
                    if !batch.settled.contains(&row.account) {
                        accounts::store(db, row, device.as_ref())?;
                    }
                    if n + 1 >= most {
                        reached = Self::Accounts(Some(row.clone()));
                        break;
                    }
                }
                Ok(reached)
            }
            Self::Log if log::trim(db, log_until, TRIM)? => Ok(Self::Done),
            Self::Log | Self::Done => Ok(self.clone()),
        }
    }
}
