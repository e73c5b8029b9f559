//! The thread that writes. It takes what waits, up to a bound, into one transaction, syncs
//! once for all of them and answers only then. The stores' methods hand it closures that
//! check first and write after; it knows nothing of what they do.

use std::fs::File;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::checkpoint::Checkpoints;
use super::memtable::{Memtable, Merging, Tx};
use super::row;
use super::settings::SqliteSettings;
use crate::session::StoreError;

/// After so long without a write, the thread writes what is in the log only to the trees.
const IDLE: Duration = Duration::from_secs(1);

/// With a commit it then writes as many entries as with that of so many writes; and how long it lets others at the file between two.
const IDLE_WRITES: usize = 256;
const IDLE_PAUSE: Duration = Duration::from_millis(10);

/// Where writes are queued.
pub(super) struct Writer {
    queue: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread on `db`, with `copying` and the database's `file` for its checkpoints, and what
    /// the file's log remembers in `memtable`.
    pub(super) fn start(
        mut db: Connection,
        copying: Connection,
        (file, memtable): (Arc<File>, Arc<Memtable>),
        SqliteSettings { queue, max_batch, memtable: many, beside, .. }: &SqliteSettings,
    ) -> Result<Self, StoreError> {
        let cannot = |e: String| StoreError(format!("cannot start the writer: {e}"));
        let checkpoints = Checkpoints::start(&mut db, copying, file).map_err(cannot)?;
        let merging = Merging::open(&db, &memtable, (!beside).then_some(*many))
            .map_err(|e| cannot(e.to_string()))?;
        let (sender, jobs) = sync_channel(*queue);
        let (mut writing, max_batch) = (Writing { db, memtable, merging }, *max_batch);
        let is_beside = *beside;
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || serve(&mut writing, &jobs, (max_batch, is_beside), checkpoints))
            .map_err(|e| cannot(e.to_string()))?;
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
        F: FnOnce(&mut Tx<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.write_and_say(work, |_| {}).await
    }

    /// The same, and `say` looks at what was committed, even when nobody waits for it any more.
    pub(super) async fn write_and_say<T, F, S>(&self, work: F, say: S) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> rusqlite::Result<T> + Send + 'static,
        S: FnOnce(&T) + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Pending { work: Some(work), outcome: None, say, reply });
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
    fn run(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<()>;

    /// Answers, after the commit or its failure.
    fn answer(self: Box<Self>, failed: Option<&StoreError>);
}

struct Pending<T, F, S> {
    work: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    say: S,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F, S> Job for Pending<T, F, S>
where
    T: Send,
    F: FnOnce(&mut Tx<'_>) -> rusqlite::Result<T> + Send,
    S: FnOnce(&T) + Send,
{
    fn wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<()> {
        let Some(work) = self.work.take() else { return Ok(()) };
        self.outcome = match work(tx) {
            Ok(done) => Some(Ok(done)),
            Err(e) if row::is_content(&e) => Some(Err(row::unavailable(&e))),
            Err(e) => return Err(e),
        };
        Ok(())
    }

    fn answer(self: Box<Self>, failed: Option<&StoreError>) {
        let outcome = match failed {
            Some(error) => Err(error.clone()),
            None => self.outcome.unwrap_or_else(|| Err(stopped())),
        };
        if let Ok(committed) = &outcome {
            (self.say)(committed);
        }
        // Nobody may wait any more: then nobody is told.
        let _ = self.reply.send(outcome);
    }
}

/// What the thread writes to.
struct Writing {
    db: Connection,
    memtable: Arc<Memtable>,
    merging: Merging,
}

fn serve(
    writing: &mut Writing,
    jobs: &Receiver<Box<dyn Job>>,
    (max_batch, is_beside): (usize, bool),
    mut checkpoints: Checkpoints,
) {
    let mut batch = Vec::with_capacity(max_batch);
    let mut merging = false;
    loop {
        match next(jobs, merging, writing) {
            Next::Job(first) => {
                merging = false;
                // Callers wake up together, after the commit before; let them all queue.
                thread::yield_now();
                batch.push(first);
                batch.extend(jobs.try_iter().take(max_batch - 1));
                batch.retain(|job| job.wanted());
            }
            Next::Idle => merging = true,
            Next::End => break,
        }
        let committed = commit(writing, &mut batch);
        if let Err(failure) = &committed {
            merging = false;
            let error = &failure.error;
            tracing::error!(store.kind = "sqlite", %error, "session store cannot commit");
        }
        for job in batch.drain(..) {
            job.answer(committed.as_ref().err().map(|failure| &failure.error));
        }
        if committed.as_ref().is_err_and(|failure| failure.fatal) || !writing.db.is_autocommit() {
            tracing::error!(store.kind = "sqlite", "session store cannot be trusted, stopping");
            return;
        }
        checkpoints.step(&writing.db);
        if is_beside {
            // The server's writes wait for the file as well, and are not told when it is free.
            thread::sleep(IDLE_PAUSE);
        }
    }
    checkpoints.finish(&writing.db, is_beside);
}

enum Next {
    Job(Box<dyn Job>),
    /// None came for a while, and there is something to merge.
    Idle,
    End,
}

/// Waits for a job; not for ever while there is something to merge, and not for long when that goes on.
fn next(jobs: &Receiver<Box<dyn Job>>, merging: bool, writing: &mut Writing) -> Next {
    let wait = if merging { IDLE_PAUSE } else { IDLE };
    match jobs.recv_timeout(wait) {
        Ok(job) => return Next::Job(job),
        Err(RecvTimeoutError::Disconnected) => return Next::End,
        Err(RecvTimeoutError::Timeout) => {}
    }
    if writing.merging.go_on(&writing.memtable) {
        return Next::Idle;
    }
    jobs.recv().map_or(Next::End, Next::Job)
}

/// Why a batch was not committed.
struct Failure {
    error: StoreError,
    /// What the log holds is unknown: after a failed sync the kernel may have dropped what
    /// was to be written, and a later sync would say it is there. Opening the file again
    /// finds out.
    fatal: bool,
}

fn commit(writing: &mut Writing, batch: &mut [Box<dyn Job>]) -> Result<(), Failure> {
    let done = run(writing, batch);
    if done.is_err() && !writing.db.is_autocommit() {
        // `serve` looks whether the transaction is gone.
        let _ = writing.db.execute_batch("ROLLBACK");
    }
    done.map_err(|e| {
        let code = e.sqlite_error().map(|e| e.extended_code);
        let fatal = code == Some(rusqlite::ffi::SQLITE_IOERR_FSYNC);
        Failure { error: row::unavailable(&e), fatal }
    })
}

fn run(writing: &mut Writing, batch: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    let Writing { db, memtable, merging } = writing;
    db.prepare_cached("BEGIN IMMEDIATE")?.execute(())?;
    let mut tx = merging.begin(db, memtable)?;
    let least = if batch.is_empty() { IDLE_WRITES } else { batch.len() };
    for job in batch {
        job.run(&mut tx)?;
    }
    let written = merging.end((db, memtable), tx, least)?;
    db.prepare_cached("COMMIT")?.execute(())?;
    merging.committed(memtable, written);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        let open = || Connection::open_in_memory().unwrap();
        let db = open();
        db.execute_batch(
            "CREATE TABLE changes (seq INTEGER PRIMARY KEY AUTOINCREMENT, batch TEXT)",
        )
        .unwrap();
        let file = Arc::new(tempfile::tempfile().unwrap());
        let settings = serde_json::from_str(r#"{"queue":8,"max_batch":8}"#).unwrap();
        Writer::start(db, open(), (file, Arc::default()), &settings).unwrap()
    }

    #[tokio::test]
    async fn a_writer_that_died_is_an_error_and_never_a_hang() {
        let writer = writer();
        let died = writer.write(|_| -> rusqlite::Result<()> { panic!("a bug") }).await;
        assert_eq!(died, Err(stopped()));
        assert_eq!(writer.write(|_| Ok(())).await, Err(stopped()));
    }

    #[tokio::test]
    async fn one_unreadable_row_does_not_fail_its_neighbours() {
        let writer = writer();
        let (bad, good) = futures_util::future::join(
            writer.write(|_| Err::<(), _>(rusqlite::Error::QueryReturnedNoRows)),
            writer.write(|tx| tx.db.execute_batch("CREATE TABLE t (a)")),
        )
        .await;
        assert!(bad.is_err());
        assert_eq!(good, Ok(()));
    }

    #[tokio::test]
    async fn what_is_committed_is_said_though_nobody_waits_for_it() {
        let writer = writer();
        let (begun, has_begun) = sync_channel(1);
        let (go_on, may_go_on) = sync_channel::<()>(1);
        let (said, was_said) = sync_channel(1);
        let work = move |_: &mut Tx<'_>| {
            begun.send(()).unwrap();
            may_go_on.recv().unwrap();
            Ok(7)
        };
        let mut call = Box::pin(writer.write_and_say(work, move |n| said.send(*n).unwrap()));
        assert!(futures_util::future::poll_immediate(&mut call).await.is_none());
        has_begun.recv().unwrap();
        drop(call);
        go_on.send(()).unwrap();
        assert_eq!(was_said.recv_timeout(Duration::from_secs(20)), Ok(7));
    }

    #[tokio::test]
    async fn a_failing_statement_undoes_its_transaction() {
        let writer = writer();
        let failed = writer
            .write(|tx| tx.db.execute_batch("CREATE TABLE t (a); INSERT INTO missing VALUES (1)"))
            .await;
        assert!(failed.is_err());
        let again = writer.write(|tx| tx.db.execute_batch("CREATE TABLE t (a)")).await;
        assert_eq!(again, Ok(()));
    }
}
