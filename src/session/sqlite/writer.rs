//! The thread that writes. It takes what waits, up to a bound, into one transaction, syncs
//! once for all of them and answers only then. The stores' methods hand it closures that
//! check first and write after; it knows nothing of what they do.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::row;
use crate::session::StoreError;

/// Pages in the write-ahead log from which on it is copied back into the database.
const CHECKPOINT_FROM: i32 = 8192;

/// Where writes are queued.
pub(super) struct Writer {
    queue: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. At most `queue` writes wait; at most `max_batch` share a commit.
    pub(super) fn start(
        mut db: Connection,
        queue: usize,
        max_batch: usize,
    ) -> Result<Self, StoreError> {
        let log_pages = Arc::new(AtomicI32::new(0));
        let seen = Arc::clone(&log_pages);
        db.wal_hook(Some(move |_: &mut _, pages| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        }))
        .map_err(|e| row::unavailable(&e))?;
        let (sender, jobs) = sync_channel(queue);
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || serve(&db, &jobs, max_batch, &log_pages))
            .map_err(|e| StoreError(format!("cannot start the writer: {e}")))?;
        Ok(Self { queue: Some(sender), thread: Some(thread) })
    }

    /// Runs `work` inside the next transaction and answers once that is committed. `work`
    /// must do all its reading and checking before its first change. A call that is dropped
    /// before its turn does not happen.
    ///
    /// # Errors
    /// [`StoreError`] at once when the queue is full, and when the commit fails or the
    /// thread has died.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Pending { work: Some(work), outcome: None, reply });
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.try_send(job).map_err(|e| match e {
            TrySendError::Full(_) => StoreError("too many writes are waiting".to_owned()),
            TrySendError::Disconnected(_) => stopped(),
        })?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

impl Drop for Writer {
    /// Lets the thread finish what waits and close the database.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported where it happened.
            let _ = thread.join();
        }
    }
}

fn stopped() -> StoreError {
    StoreError("the writer has stopped".to_owned())
}

/// A queued write of any type.
trait Job: Send {
    /// Whether somebody still waits for it.
    fn wanted(&self) -> bool;

    /// Does it, but for the commit. An error is one that the whole transaction shares.
    fn run(&mut self, db: &Connection) -> rusqlite::Result<()>;

    /// Answers, after the commit.
    fn answer(self: Box<Self>, committed: &Result<(), StoreError>);
}

struct Pending<T, F> {
    work: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Pending<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
{
    fn wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn run(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let Some(work) = self.work.take() else { return Ok(()) };
        self.outcome = match work(db) {
            Ok(done) => Some(Ok(done)),
            Err(e) if row::is_content(&e) => Some(Err(row::unavailable(&e))),
            Err(e) => return Err(e),
        };
        Ok(())
    }

    fn answer(self: Box<Self>, committed: &Result<(), StoreError>) {
        let outcome = self.outcome.unwrap_or_else(|| Err(stopped()));
        // Nobody waits any more: then nobody is told.
        let _ = self.reply.send(committed.clone().and(outcome));
    }
}

fn serve(db: &Connection, jobs: &Receiver<Box<dyn Job>>, max_batch: usize, log_pages: &AtomicI32) {
    let mut batch = Vec::with_capacity(max_batch);
    while let Ok(first) = jobs.recv() {
        // Callers wake up together, after the commit before; let them all queue.
        thread::yield_now();
        batch.push(first);
        batch.extend(jobs.try_iter().take(max_batch - 1));
        batch.retain(|job| job.wanted());
        let committed = commit(db, &mut batch);
        if let Err(error) = &committed {
            tracing::error!(store.kind = "sqlite", %error, "session store cannot commit");
        }
        for job in batch.drain(..) {
            job.answer(&committed);
        }
        if !db.is_autocommit() {
            tracing::error!(store.kind = "sqlite", "session store cannot roll back, stopping");
            return;
        }
        if log_pages.load(Ordering::Relaxed) >= CHECKPOINT_FROM {
            log_pages.store(0, Ordering::Relaxed);
            checkpoint(db, "PASSIVE");
        }
    }
    checkpoint(db, "TRUNCATE");
}

fn commit(db: &Connection, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    let done = run(db, batch);
    if done.is_err() && !db.is_autocommit() {
        // The transaction may already be gone; `serve` looks whether it is.
        let _ = db.execute_batch("ROLLBACK");
    }
    done.map_err(|e| row::unavailable(&e))
}

fn run(db: &Connection, batch: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    db.prepare_cached("BEGIN IMMEDIATE")?.execute(())?;
    for job in batch {
        job.run(db)?;
    }
    db.prepare_cached("COMMIT")?.execute(()).map(drop)
}

/// Copies the log back into the database, so that the log starts again. Readers in the way
/// make it stop early, which the next one makes up for.
fn checkpoint(db: &Connection, mode: &str) {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    if let Err(error) = db.query_row(&sql, (), |_| Ok(())) {
        tracing::warn!(store.kind = "sqlite", %error, "session store checkpoint failed");
    }
}
