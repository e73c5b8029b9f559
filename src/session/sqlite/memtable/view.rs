//! The trees with what is not in them yet, as a call sees them: a reader, or a write and the others of its
//! batch.

use std::ops::Deref;

use rusqlite::Connection;

use super::change::AccountRow;
use super::layer::Layer;
use super::log::Entries;
use super::{AccountKey, Change, Generation, Memtable, SessionKey};
use crate::domain::{DeviceId, Timestamp};
use crate::session::{Device, Session, SessionId};

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
    pub(in crate::session::sqlite) fn generation(&self, key: &SessionKey) -> Option<Generation> {
        if let Some(kept) = self.batch.generations.get(key) {
            return *kept;
        }
        let layers = self.memtable.layers.read();
        let found = layers.young.generations.get(key);
        found.or_else(|| layers.old.generations.get(key)).copied().flatten()
    }

    /// The session as it is, of one that a tree has.
    pub(in crate::session::sqlite) fn current(&self, mut session: Session) -> Session {
        let key = SessionKey(session.id, session.tenant.clone());
        if let Some(Generation(number, issued_at, expires_at)) = self.generation(&key)
            && number > session.generation
        {
            session.generation = number;
            session.issued_at = issued_at;
            session.expires_at = expires_at;
        }
        session
    }

    /// When a session expires, of which a tree has this generation and this end.
    pub(in crate::session::sqlite) fn expiry(
        &self,
        key: &SessionKey,
        number: u32,
        expires_at: Timestamp,
    ) -> Timestamp {
        match self.generation(key) {
            Some(newer) if newer.0 > number => newer.2,
            _ => expires_at,
        }
    }

    /// A device of the account that its tree need not have.
    pub(in crate::session::sqlite) fn device(
        &self,
        account: &AccountKey,
        id: &DeviceId,
    ) -> Option<Device> {
        let row = AccountRow::device(account, id);
        self.find(account, |layer| layer.rows.get(&row).cloned().flatten())
    }

    /// The account's devices that its tree need not have.
    pub(in crate::session::sqlite) fn devices(&self, account: &AccountKey) -> Vec<Device> {
        let mut devices = Vec::new();
        self.each(account, |_, device| devices.extend(device.cloned()));
        devices
    }

    /// The account's sessions that its tree need not have.
    pub(in crate::session::sqlite) fn sessions(&self, account: &AccountKey) -> Vec<SessionId> {
        let mut sessions = Vec::new();
        self.each(account, |row, device| {
            if device.is_none() {
                sessions.push(row.session);
            }
        });
        sessions
    }

    /// Both.
    pub(in crate::session::sqlite) fn rows(
        &self,
        account: &AccountKey,
    ) -> Vec<(AccountRow, Option<Device>)> {
        let mut rows = Vec::new();
        self.each(account, |row, device| rows.push((row.clone(), device.cloned())));
        rows
    }

    fn each(&self, account: &AccountKey, mut each: impl FnMut(&AccountRow, Option<&Device>)) {
        self.find(account, |layer| {
            layer.account(account).for_each(|(row, device)| each(row, device.as_ref()));
            None::<()>
        });
    }

    /// Asks the layers that count for the account, the newest first.
    fn find<T>(&self, account: &AccountKey, mut ask: impl FnMut(&Layer) -> Option<T>) -> Option<T> {
        let found = ask(&self.batch);
        if found.is_some() || self.batch.settled.contains(account) {
            return found;
        }
        let layers = self.memtable.layers.read();
        ask(&layers.young).or_else(|| ask(&layers.old))
    }
}

/// To write in: the transaction of a batch.
pub(in crate::session::sqlite) struct Tx<'a> {
    view: View<'a>,
    entries: Entries,
}

impl<'a> Tx<'a> {
    pub(super) fn new(view: View<'a>) -> Self {
        Self { view, entries: Entries::default() }
    }

    /// Notes a change that the trees will have later.
    pub(in crate::session::sqlite) fn change(&mut self, change: Change) -> rusqlite::Result<()> {
        self.entries.push(&change)?;
        self.view.batch.add(change);
        Ok(())
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
