//! What was changed lately and is in no tree yet. A tree that holds a crowd of sessions costs a page of its
//! own for each change, because no other change lies near. So what every refresh and every sign-on changes is
//! appended to a log (`log.rs`), of which many share a page, and remembered here; when it is much, it
//! is written to the trees in their order (`flush.rs`), where neighbours share their page. (O'Neil et al., *The
//! Log-Structured Merge-Tree*, 1996.)
//!
//! A change is remembered from its commit on, for as long as the log has it. Of what is here and in
//! the trees, the higher generation of a session counts, and the tree's row of an account.

mod change;
mod flush;
mod layer;
mod log;
mod view;

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use rusqlite::Connection;

pub(super) use change::{AccountKey, AccountRow, Change, Generation, SessionKey};
use flush::Flush;
use layer::Layer;
use log::Log;
pub(super) use view::{Tx, View};

/// What the writer adds to, and everybody reads.
#[derive(Default)]
pub(super) struct Memtable {
    layers: RwLock<Layers>,
    /// How often something was taken out because the trees have it.
    merges: AtomicU64,
}

#[derive(Default)]
struct Layers {
    young: Layer,
    /// What is being written to the trees.
    old: Layer,
}

impl Memtable {
    /// Has changed when something was taken out because the trees have it: who looked at a tree before and
    /// here after that may have missed it.
    pub(super) fn merges(&self) -> u64 {
        self.merges.load(Ordering::Acquire)
    }

    fn publish(&self, batch: Layer) {
        let settled = !batch.settled.is_empty();
        let mut layers = self.layers.write();
        layers.old.forget(&batch);
        layers.young.absorb(batch);
        if settled {
            self.merges.fetch_add(1, Ordering::Release);
        }
    }

    /// Makes the young layer the old one, if it weighs so much.
    fn freeze(&self, least: usize) -> bool {
        if self.layers.read().young.weight() < least {
            return false;
        }
        let mut layers = self.layers.write();
        layers.old = std::mem::take(&mut layers.young);
        true
    }

    /// Drops the old layer, which the trees have.
    fn thaw(&self) {
        let mut layers = self.layers.write();
        let old = std::mem::take(&mut layers.old);
        self.merges.fetch_add(1, Ordering::Release);
        drop(layers);
        drop(old);
    }
}

/// The writer's part: the log, and how far the old layer is written and what of the log it is.
pub(super) struct Merging {
    log: Log,
    /// The weight from which on the young layer is merged.
    many: usize,
    flush: Option<(Flush, i64)>,
}

/// A batch whose changes are written and not committed.
pub(super) struct Written {
    batch: Layer,
    seq: Option<i64>,
    flush: Option<(Flush, i64)>,
}

impl Merging {
    /// Reads the log when the file is opened. Changes are merged when they are about `many`.
    pub(super) fn open(
        db: &Connection,
        memtable: &Memtable,
        many: usize,
    ) -> rusqlite::Result<Self> {
        let mut log = Log::default();
        log.read_on(db, |batch| memtable.publish(batch))?;
        Ok(Self { log, many, flush: None })
    }

    /// Begins a batch, inside its transaction: learns what another process has committed to the file.
    pub(super) fn begin<'a>(
        &mut self,
        db: &'a Connection,
        memtable: &'a Memtable,
    ) -> rusqlite::Result<Tx<'a>> {
        self.log.catch_up(db, |batch| memtable.publish(batch))?;
        Ok(Tx::new(View::new(db, memtable)))
    }

    /// Ends a batch, before its commit: its changes go to the log, and about `merged` older entries to the
    /// trees, if they are being merged.
    pub(super) fn end(
        &self,
        (db, memtable): (&Connection, &Memtable),
        tx: Tx<'_>,
        merged: usize,
    ) -> rusqlite::Result<Written> {
        let (entries, batch) = tx.into_parts();
        let seq = entries.append(db)?;
        let flush = match &self.flush {
            None => None,
            Some((flush, until)) => {
                let old = &memtable.layers.read().old;
                Some((flush.step(db, (old, &batch), *until, merged)?, *until))
            }
        };
        Ok(Written { batch, seq, flush })
    }

    /// Merges what there is, however little. Answers whether there is something.
    pub(super) fn go_on(&mut self, memtable: &Memtable) -> bool {
        self.begin_flush(memtable, 1);
        self.flush.is_some()
    }

    fn begin_flush(&mut self, memtable: &Memtable, least: usize) {
        if self.flush.is_none() && memtable.freeze(least) {
            self.flush = Some((Flush::Sessions(None), self.log.last()));
        }
    }

    /// Lets everybody see a batch that is committed.
    pub(super) fn committed(&mut self, memtable: &Memtable, written: Written) {
        memtable.publish(written.batch);
        if let Some(seq) = written.seq {
            self.log.committed(seq);
        }
        self.flush = match written.flush {
            Some((Flush::Done, _)) => {
                memtable.thaw();
                None
            }
            going_on => going_on,
        };
        self.begin_flush(memtable, self.many);
    }
}
