//! Reading from the trees and the memtable at once.

use std::sync::Arc;

use super::memtable::{Memtable, View};
use super::readers::Readers;
use crate::session::StoreError;

/// Where reads go.
#[derive(Clone)]
pub(super) struct Reading {
    readers: Arc<Readers>,
    memtable: Arc<Memtable>,
}

impl Reading {
    pub(super) fn new(readers: Readers, memtable: Arc<Memtable>) -> Self {
        Self { readers: Arc::new(readers), memtable }
    }

    /// Sees every change that was acknowledged before. If changes went to the trees meanwhile, what was read of a tree
    /// may be too old to have them and what was read of the memtable too new; then it is read again.
    pub(super) fn read<T>(
        &self,
        read: impl Fn(&View<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        loop {
            let before = self.memtable.merges();
            let found = self.readers.read(|db| read(&View::new(db, &self.memtable)))?;
            if self.memtable.merges() == before {
                return Ok(found);
            }
        }
    }
}
