//! Reading from the trees and the memtable at once: what this process has acknowledged, and another
//! process has written to the trees.

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

    /// `read` must ask the memtable before the tree: what it does not find there has been in the tree since, or
    /// never was.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&View<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.readers.read(|db| read(&View::new(db, &self.memtable)))
    }

    /// `read` may ask the tree first. If the memtable was emptied meanwhile, it may have missed what went from there
    /// to the tree, and reads again.
    pub(super) fn walk<T>(
        &self,
        read: impl Fn(&View<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        loop {
            let before = self.memtable.emptied();
            let found = self.read(&read)?;
            if self.memtable.emptied() == before {
                return Ok(found);
            }
        }
    }
}
