//! The connections that read. A point read of a cached page takes a few microseconds, far
//! less than handing it to another thread and back, so a read runs where it is called:
//! it blocks the caller's thread for as long as the page takes to come from the disk, at
//! worst. Reads see every commit that was acknowledged before they began.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};

use super::{row, schema};
use crate::session::StoreError;

/// How long a read waits for the file. In WAL mode nobody locks readers out but a
/// recovery, which the writer has done before they are opened.
const BUSY: Duration = Duration::from_millis(100);

/// A pool of read-only connections.
pub(super) struct Readers {
    pool: Box<[Mutex<Connection>]>,
    turn: AtomicUsize,
}

impl Readers {
    /// Opens `count` connections that share `cache_size` bytes.
    pub(super) fn open(path: &Path, count: usize, cache_size: u64) -> rusqlite::Result<Self> {
        let share = cache_size / u64::try_from(count).unwrap_or(u64::MAX).max(1);
        let connect =
            || schema::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, share, BUSY).map(Mutex::new);
        let pool = (0..count).map(|_| connect()).collect::<rusqlite::Result<_>>()?;
        Ok(Self { pool, turn: AtomicUsize::new(0) })
    }

    /// Reads with the first connection that is free, or else waits for one.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let free = self.pool.iter().find_map(Mutex::try_lock);
        let db = free.unwrap_or_else(|| {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            self.pool[turn % self.pool.len()].lock()
        });
        read(&db).map_err(|e| row::unavailable(&e))
    }
}
