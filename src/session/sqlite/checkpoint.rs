//! Copies the write-ahead log back into the database, so that the log can start again. A
//! thread of its own does the long part while `writer.rs`, its only caller, goes on
//! committing; the writer then does the short rest itself, because only somebody who holds
//! the writes up can reach the log's end.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

/// Pages in the log from which on it is copied (32 MiB). The longer it is, the more often
/// a page has been overwritten in it and need not be copied; and the longer is looking in it for a page that is
/// not cached (an index of 4,096 pages after the other), and opening the file after a crash.
const FROM_PAGES: i32 = 16_384;

/// Pages that the writer may have to copy itself: all writes wait meanwhile.
const REST_PAGES: i32 = 256;

/// The most times that the thread copies and syncs what was written meanwhile, before it leaves
/// the rest to the writer, however much that is.
const PASSES: u32 = 8;

/// The thread, and what the writer knows of its work.
pub(super) struct Checkpoints {
    log_pages: Arc<AtomicI32>,
    copied: Arc<AtomicBool>,
    running: bool,
    begin: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Starts the thread on a connection of its own, and counts the log's pages at every
    /// commit of `writing`. `file` is the database.
    pub(super) fn start(
        writing: &mut Connection,
        copying: Connection,
        file: Arc<File>,
    ) -> Result<Self, String> {
        let log_pages = Arc::new(AtomicI32::new(0));
        let copied = Arc::new(AtomicBool::new(false));
        let counted = Arc::clone(&log_pages);
        let count = move |_: &mut _, pages| {
            counted.store(pages, Ordering::Relaxed);
            Ok(())
        };
        writing.wal_hook(Some(count)).map_err(|e| e.to_string())?;
        let (begin, begun) = sync_channel(1);
        let (log, done) = (Arc::clone(&log_pages), Arc::clone(&copied));
        let thread = thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || serve(&copying, &file, &begun, &log, &done))
            .map_err(|e| e.to_string())?;
        let thread = Some(thread);
        Ok(Self { log_pages, copied, running: false, begin: Some(begin), thread })
    }

    /// Called between two commits: has the log copied when it is long, and does the rest
    /// when it has been.
    pub(super) fn step(&mut self, writing: &Connection) {
        if self.copied.swap(false, Ordering::Acquire) {
            self.running = false;
            self.log_pages.store(0, Ordering::Relaxed);
            copy(writing, "PASSIVE");
        } else if self.idle() && self.log_pages.load(Ordering::Relaxed) >= FROM_PAGES {
            // Fails when the thread has died; then the writer does all of it.
            let begun = self.begin.as_ref().is_some_and(|begin| begin.try_send(()).is_ok());
            self.running = begun;
            if !begun {
                self.log_pages.store(0, Ordering::Relaxed);
                copy(writing, "PASSIVE");
            }
        }
    }

    fn idle(&self) -> bool {
        !self.running || self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends the thread, and empties the log unless that is a server's business, whose writes would wait for it.
    pub(super) fn finish(mut self, writing: &Connection, is_beside: bool) {
        drop(self.begin.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported where it happened.
            let _ = thread.join();
        }
        if !is_beside {
            copy(writing, "TRUNCATE");
        }
    }
}

fn serve(
    db: &Connection,
    file: &File,
    begun: &Receiver<()>,
    log_pages: &AtomicI32,
    copied: &AtomicBool,
) {
    while begun.recv().is_ok() {
        for _ in 0..PASSES {
            // Each takes less time than the one before, and so leaves less.
            let Some(pages) = copy(db, "PASSIVE") else { break };
            // SQLite syncs the database only at the log's end, which the writer reaches: all that
            // was copied, while nobody can write. It syncs again then, and finds little to do; an
            // error it finds as well.
            let _ = file.sync_data();
            if log_pages.load(Ordering::Relaxed) - pages <= REST_PAGES {
                break;
            }
        }
        copied.store(true, Ordering::Release);
    }
}

/// Answers how many pages of the log have been copied. Readers in the way make it stop early,
/// which the next one makes up for.
fn copy(db: &Connection, mode: &str) -> Option<i32> {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    match db.query_row(&sql, (), |row| row.get(2)) {
        Ok(pages) => Some(pages),
        Err(error) => {
            tracing::warn!(store.kind = "sqlite", %error, "session store checkpoint failed");
            None
        }
    }
}
