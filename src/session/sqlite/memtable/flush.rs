//! Writes the old layer to the trees, a piece with each commit, in the trees' order; and then removes
//! its part of the log. A piece may be written twice, or when a tree has something newer: a
//! session's generation only goes up, and what the tree has of an account stays.

use rusqlite::Connection;

use super::super::{accounts, refresh};
use super::layer::Layer;
use super::log::Entries;
use super::{AccountKey, SessionKey, log};

/// Entries that are written with a commit for each that it adds.
const WRITTEN: usize = 2;

/// Bytes of the log that are removed with a commit for each that it adds.
const TRIMMED: usize = 4;

/// The same at least, for each entry that would be written.
const TRIM: usize = 512;

/// How much is done with a commit. While a layer is written half as much is added, and a quarter while its part of
/// the log is removed: so layers do not grow, whatever is written and without a pause.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    entries: usize,
    bytes: i64,
}

impl Pace {
    /// For what a batch adds; as for `least` entries at least.
    pub(super) fn of(batch: &Layer, added: &Entries, least: usize) -> Self {
        let entries = WRITTEN * batch.weight().max(least);
        let bytes = (TRIM * entries).max(TRIMMED * added.len());
        Self { entries, bytes: i64::try_from(bytes).unwrap_or(i64::MAX) }
    }
}

/// What is to be written, in order, and the last row of the log that has it.
pub(super) struct Flush {
    sessions: Vec<SessionKey>,
    accounts: Vec<AccountKey>,
    log_until: i64,
    reached: Reached,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    /// So many sessions are written.
    Sessions(usize),
    /// They all are, and so many accounts; and so much of what the next one has.
    Accounts(usize, usize),
    /// Everything is; the log still has it.
    Log,
    /// Nobody needs the layer any more.
    Done,
}

impl Flush {
    pub(super) fn new(old: &Layer, log_until: i64) -> Self {
        let mut sessions: Vec<_> = old.generations.keys().cloned().collect();
        sessions.sort_unstable();
        let mut accounts: Vec<_> = old.accounts.keys().cloned().collect();
        accounts.sort_unstable();
        Self { sessions, accounts, log_until, reached: Reached::Sessions(0) }
    }

    /// Goes on from here: what was written is committed.
    pub(super) fn committed(&mut self, reached: Reached) {
        self.reached = reached;
    }

    /// Writes entries of `old`, but for what `batch` has taken out. Answers how far it is
    /// if that is committed.
    pub(super) fn step(
        &self,
        db: &Connection,
        (old, batch): (&Layer, &Layer),
        Pace { entries, bytes }: Pace,
    ) -> rusqlite::Result<Reached> {
        match self.reached {
            Reached::Sessions(from) => self.sessions(db, (old, batch), from, entries),
            Reached::Accounts(from, part) => self.accounts(db, (old, batch), (from, part), entries),
            Reached::Log => {
                let none_left = log::trim(db, self.log_until, bytes)?;
                Ok(if none_left { Reached::Done } else { Reached::Log })
            }
            Reached::Done => Ok(Reached::Done),
        }
    }

    fn sessions(
        &self,
        db: &Connection,
        (old, batch): (&Layer, &Layer),
        from: usize,
        most: usize,
    ) -> rusqlite::Result<Reached> {
        let until = self.sessions.len().min(from + most);
        for key in &self.sessions[from..until] {
            // It may have been taken out since.
            if let Some(generation) = old.generations.get(key)
                && !batch.forgotten.contains(key)
            {
                refresh::store(db, key, *generation)?;
            }
        }
        let all = until == self.sessions.len();
        Ok(if all { Reached::Accounts(0, 0) } else { Reached::Sessions(until) })
    }

    fn accounts(
        &self,
        db: &Connection,
        (old, batch): (&Layer, &Layer),
        (from, mut part): (usize, usize),
        most: usize,
    ) -> rusqlite::Result<Reached> {
        let mut left = most;
        for (n, key) in self.accounts.iter().enumerate().skip(from) {
            let added = old.accounts.get(key).filter(|_| !batch.settled.contains(key));
            if let Some(added) = added {
                let written = accounts::store(db, key, added, part, left)?;
                left -= written;
                if left == 0 {
                    return Ok(Reached::Accounts(n, part + written));
                }
            }
            part = 0;
        }
        Ok(Reached::Log)
    }
}
