//! The trees with what is not in them yet, as a call sees them: a reader, or a write and the others of its
//! batch.

use std::ops::Deref;

use rusqlite::Connection;

use super::super::place::SessionRow;
use super::layer::{Added, Layer};
use super::log::Entries;
use super::taken::Taken;
use super::{AccountKey, Change, Generation, Id, Memtable};
use crate::domain::DeviceId;
use crate::session::Device;

/// To read from.
pub(in crate::session::sqlite) struct View<'a> {
    pub(in crate::session::sqlite) db: &'a Connection,
    memtable: &'a Memtable,
    /// What its own transaction has changed.
    batch: Layer,
}

impl<'a> View<'a> {
    pub(in crate::session::sqlite) fn new(db: &'a Connection, memtable: &'a Memtable) -> Self {
        Self { db, memtable, batch: Layer::default() }
    }

    /// What is remembered of the session's last refresh.
    pub(in crate::session::sqlite) fn generation(&self, row: SessionRow) -> Option<Generation> {
        let found = self.batch.generations.get(&row);
        if found.is_some() || self.batch.forgotten.contains(&row) {
            return found.copied();
        }
        let layers = self.memtable.layers.read();
        let found = layers.young.generations.get(&row);
        found.or_else(|| layers.old.generations.get(&row)).copied()
    }

    /// A device of the account that its tree need not have.
    pub(in crate::session::sqlite) fn device(
        &self,
        account: &AccountKey,
        id: &DeviceId,
    ) -> Option<Device> {
        self.find(account, |added| added.device(id).cloned())
    }

    /// What the account has that its tree need not have.
    pub(in crate::session::sqlite) fn added(&self, account: &AccountKey) -> Added {
        let mut all = Added::default();
        self.find(account, |added| {
            all.absorb(added.clone());
            None::<()>
        });
        all
    }

    /// Asks the layers that count for the account, the newest first.
    fn find<T>(&self, account: &AccountKey, mut ask: impl FnMut(&Added) -> Option<T>) -> Option<T> {
        let mut of = |layer: &Layer| layer.accounts.get(account).and_then(&mut ask);
        let found = of(&self.batch);
        if found.is_some() || self.batch.settled.contains(account) {
            return found;
        }
        let layers = self.memtable.layers.read();
        of(&layers.young).or_else(|| of(&layers.old))
    }
}

/// To write in: the transaction of a batch.
pub(in crate::session::sqlite) struct Tx<'a> {
    view: View<'a>,
    /// SQLite's count of other connections' commits.
    others: i64,
    entries: Entries,
}

impl<'a> Tx<'a> {
    pub(super) fn new(view: View<'a>, others: i64) -> Self {
        Self { view, others, entries: Entries::default() }
    }

    /// Notes a change that the trees will have later.
    pub(in crate::session::sqlite) fn change(&mut self, change: Change) -> rusqlite::Result<()> {
        self.entries.push(&change)?;
        self.view.batch.add(change);
        Ok(())
    }

    /// What can be said of the id of a new device without its account's page.
    pub(in crate::session::sqlite) fn look(&self, account: &AccountKey, id: &DeviceId) -> Id {
        let mut known = Id::Unknown;
        let added = self.view.find(account, |added| {
            if let (Id::Unknown, Some(taken)) = (known, &added.taken) {
                known = taken.look(id.as_str(), self.others);
            }
            added.device(id).map(|_| Id::Taken)
        });
        added.unwrap_or(known)
    }

    /// Remembers which devices the account has: those of its tree, of which `stored` are enough to know that they are
    /// many, and what is not there yet.
    pub(in crate::session::sqlite) fn remember_taken(
        &mut self,
        account: &AccountKey,
        stored: &[String],
    ) {
        let added = self.view.added(account).devices;
        let ids = stored.iter().map(String::as_str);
        let ids = ids.chain(added.iter().map(|device| device.id.as_str()));
        self.view.batch.remember(account, Taken::of(ids, self.others));
    }

    pub(super) fn into_parts(self) -> (Entries, Layer) {
        (self.entries, self.view.batch)
    }
}

impl<'a> Deref for Tx<'a> {
    type Target = View<'a>;

    fn deref(&self) -> &View<'a> {
        &self.view
    }
}
