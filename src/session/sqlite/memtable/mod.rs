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
mod order;
mod taken;
mod view;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use rusqlite::Connection;

pub(super) use change::{AccountKey, Change, Generation};
use flush::{Flush, Pace, Reached};
pub(super) use layer::Added;
use layer::Layer;
use log::Log;
pub(super) use taken::{Id, TOO_MANY};
pub(super) use view::{Tx, View};

/// How long nothing is merged after that failed.
const PAUSE: Duration = Duration::from_secs(10);

/// What the writer adds to, and everybody reads.
#[derive(Default)]
pub(super) struct Memtable {
    layers: RwLock<Layers>,
    /// How often a layer was dropped.
    emptied: AtomicU64,
}

#[derive(Default)]
struct Layers {
    young: Layer,
    /// What is being written to the trees.
    old: Layer,
}

impl Memtable {
    /// Has changed when changes were dropped that the trees have.
    pub(super) fn emptied(&self) -> u64 {
        self.emptied.load(Ordering::Acquire)
    }

    fn publish(&self, batch: Layer) {
        let mut layers = self.layers.write();
        layers.old.forget(&batch);
        layers.young.absorb(batch);
    }

    /// Drops everything.
    fn forget(&self) {
        let mut layers = self.layers.write();
        let all = std::mem::take(&mut *layers);
        self.emptied.fetch_add(1, Ordering::Release);
        drop(layers);
        order::free(all.young.weight() + all.old.weight(), all);
    }

    /// Makes the young layer the old one.
    fn freeze(&self, log_until: i64) -> Flush {
        let mut layers = self.layers.write();
        let next = layers.young.successor();
        layers.old = std::mem::replace(&mut layers.young, next);
        drop(layers);
        Flush::new(&self.layers.read().old, log_until)
    }

    /// Drops the old layer, which the trees have, and what was to be done.
    fn thaw(&self, flush: Option<Flush>) {
        let mut layers = self.layers.write();
        let old = std::mem::take(&mut layers.old);
        self.emptied.fetch_add(1, Ordering::Release);
        drop(layers);
        order::free(old.weight(), (old, flush));
    }
}

/// The writer's part: the log, and how far the old layer is written and what of the log it is.
pub(super) struct Merging {
    log: Log,
    /// The weight from which on the young layer is merged; `None` in a process that is there besides a server,
    /// which must not hold that up.
    many: Option<usize>,
    flush: Option<Flush>,
    /// Not before then: it did not work.
    again_at: Option<Instant>,
}

/// A batch whose changes are written and not committed.
pub(super) struct Written {
    batch: Layer,
    seq: Option<i64>,
    merged: Option<Reached>,
}

impl Merging {
    /// Reads the log when the file is opened. Changes are merged when they are about `many`.
    pub(super) fn open(
        db: &Connection,
        memtable: &Memtable,
        many: Option<usize>,
    ) -> rusqlite::Result<Self> {
        let mut log = Log::default();
        log.read_on(db, |batch| memtable.publish(batch))?;
        Ok(Self { log, many, flush: None, again_at: None })
    }

    /// Begins a batch, inside its transaction: learns what another process has committed to the file.
    pub(super) fn begin<'a>(
        &mut self,
        db: &'a Connection,
        memtable: &'a Memtable,
    ) -> rusqlite::Result<Tx<'a>> {
        let flush = &mut self.flush;
        self.log.catch_up(
            db,
            |batch| memtable.publish(batch),
            || {
                *flush = None;
                memtable.forget();
            },
        )?;
        Ok(Tx::new(View::new(db, memtable), self.log.others()))
    }

    /// Ends a batch, before its commit: its changes go to the log, and `least` older entries or more to the
    /// trees, if they are being merged.
    pub(super) fn end(
        &mut self,
        (db, memtable): (&Connection, &Memtable),
        tx: Tx<'_>,
        least: usize,
    ) -> rusqlite::Result<Written> {
        let (entries, batch) = tx.into_parts();
        let pace = Pace::of(&batch, &entries, least);
        let seq = entries.append(db)?;
        let merged = self.merge(db, (&memtable.layers.read().old, &batch), pace)?;
        Ok(Written { batch, seq, merged })
    }

    /// Writes to the trees. What is wrong with them is no matter of the batch's: it is tried again later.
    fn merge(
        &mut self,
        db: &Connection,
        layers: (&Layer, &Layer),
        pace: Pace,
    ) -> rusqlite::Result<Option<Reached>> {
        if self.pauses() {
            return Ok(None);
        }
        let Some(flush) = &mut self.flush else { return Ok(None) };
        db.prepare_cached("SAVEPOINT merge")?.execute(())?;
        let step = flush.step(db, layers, pace);
        if step.is_err() {
            db.prepare_cached("ROLLBACK TO merge")?.execute(())?;
        }
        db.prepare_cached("RELEASE merge")?.execute(())?;
        Ok(match step {
            Ok(reached) => Some(reached),
            Err(error) => {
                tracing::error!(store.kind = "sqlite", %error, "session store cannot merge its log");
                self.again_at = Some(Instant::now() + PAUSE);
                None
            }
        })
    }

    fn pauses(&self) -> bool {
        self.again_at.is_some_and(|again_at| Instant::now() < again_at)
    }

    /// Merges what there is, however little. Answers whether there is something.
    pub(super) fn go_on(&mut self, memtable: &Memtable) -> bool {
        self.begin_flush(memtable, self.many.map(|_| 1));
        self.flush.is_some() && !self.pauses()
    }

    fn begin_flush(&mut self, memtable: &Memtable, least: Option<usize>) {
        let Some(least) = least.filter(|_| self.flush.is_none()) else { return };
        // The log has a row for each commit even where nothing is to be remembered.
        let weight = memtable.layers.read().young.weight().max(self.log.rows());
        if weight >= least {
            self.flush = Some(memtable.freeze(self.log.flushed()));
        }
    }

    /// Lets everybody see a batch that is committed.
    pub(super) fn committed(&mut self, memtable: &Memtable, written: Written) {
        memtable.publish(written.batch);
        if let Some(seq) = written.seq {
            self.log.committed(seq);
        }
        if let (Some(flush), Some(reached)) = (&mut self.flush, written.merged) {
            flush.committed(reached);
            if reached == Reached::Done {
                memtable.thaw(self.flush.take());
            }
        }
        self.begin_flush(memtable, self.many);
    }
}
