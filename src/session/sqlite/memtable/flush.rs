//! Writes the old layer to the trees, a piece with each commit, in the trees' order; and then removes
//! its part of the log. A piece may be written twice, or when a tree has something newer: a
//! session's generation only goes up, and what the tree has of an account stays.

use rusqlite::Connection;

use super::super::{accounts, refreshed};
use super::layer::Layer;
use super::log;
use super::log::Entries;
use super::order::{Order, Sorting};

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
    sorting: Sorting,
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
        Self { sorting: Sorting::start(old), log_until, reached: Reached::Sessions(0) }
    }

    /// Goes on from here: what was written is committed.
    pub(super) fn committed(&mut self, reached: Reached) {
        self.reached = reached;
    }

    /// Writes entries of `old`, but for what `batch` has taken out; none while they are not in order yet. Answers how
    /// far it is if that is committed.
    pub(super) fn step(
        &mut self,
        db: &Connection,
        (old, batch): (&Layer, &Layer),
        Pace { entries, bytes }: Pace,
    ) -> rusqlite::Result<Reached> {
        let Some(order) = self.sorting.order(old) else { return Ok(self.reached) };
        match self.reached {
            Reached::Sessions(from) => sessions(db, (old, batch), order, from, entries),
            Reached::Accounts(from, part) => {
                accounts(db, (old, batch), order, (from, part), entries)
            }
            Reached::Log => {
                let none_left = log::trim(db, self.log_until, bytes)?;
                Ok(if none_left { Reached::Done } else { Reached::Log })
            }
            Reached::Done => Ok(Reached::Done),
        }
    }
}

fn sessions(
    db: &Connection,
    (old, batch): (&Layer, &Layer),
    order: &Order,
    from: usize,
    most: usize,
) -> rusqlite::Result<Reached> {
    let until = order.sessions.len().min(from + most);
    for row in &order.sessions[from..until] {
        // It may have been taken out since.
        if let Some(generation) = old.generations.get(row)
            && !batch.forgotten.contains(row)
        {
            refreshed::store(db, *row, *generation)?;
        }
    }
    let all = until == order.sessions.len();
    Ok(if all { Reached::Accounts(0, 0) } else { Reached::Sessions(until) })
}

fn accounts(
    db: &Connection,
    (old, batch): (&Layer, &Layer),
    order: &Order,
    (from, mut part): (usize, usize),
    most: usize,
) -> rusqlite::Result<Reached> {
    let mut left = most;
    for (n, key) in order.accounts.iter().enumerate().skip(from) {
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
