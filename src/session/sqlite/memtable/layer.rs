//! Changes of one age. A batch's layer also says what it takes out of those below.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::place::SessionRow;
use super::taken::Taken;
use super::{AccountKey, Change, Generation};
use crate::domain::DeviceId;
use crate::session::{Device, SessionId};

#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) generations: HashMap<SessionRow, Generation>,
    /// Sessions of which nothing below counts.
    pub(super) forgotten: HashSet<SessionRow>,
    /// What accounts have more than their tree.
    pub(super) accounts: HashMap<AccountKey, Added>,
    /// Accounts of which nothing below counts.
    pub(super) settled: HashSet<AccountKey>,
    /// How many entries its memory would do for; what was taken out still counts.
    weight: usize,
}

/// What an account has more than its tree.
#[derive(Debug, Default, Clone)]
pub(in crate::session::sqlite) struct Added {
    /// In order of their ids.
    pub devices: Vec<Arc<Device>>,
    pub sessions: Vec<SessionId>,
    /// What was there when it was asked for, below and here.
    pub(super) taken: Option<Arc<Taken>>,
}

impl Added {
    /// A device of these.
    pub(in crate::session::sqlite) fn device(&self, id: &DeviceId) -> Option<&Device> {
        let place = self.devices.binary_search_by(|device| device.id.cmp(id)).ok()?;
        self.devices.get(place).map(AsRef::as_ref)
    }

    /// Adds what more the account has.
    pub(super) fn absorb(&mut self, mut more: Self) {
        more.devices.into_iter().for_each(|device| self.register(device));
        self.sessions.append(&mut more.sessions);
        // The newer one may be of a time since when nobody else has committed.
        self.taken = more.taken.or(self.taken.take());
    }

    /// Adds it; one that is there already stays.
    fn register(&mut self, device: Arc<Device>) {
        if let Err(place) = self.devices.binary_search_by(|other| other.id.cmp(&device.id)) {
            self.devices.insert(place, device);
        }
    }
}

impl Layer {
    /// An empty one with room for as much: a table that grows to its size moves all that it has, again and again.
    pub(super) fn successor(&self) -> Self {
        Self {
            generations: HashMap::with_capacity(self.generations.len()),
            accounts: HashMap::with_capacity(self.accounts.len()),
            ..Self::default()
        }
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    pub(super) fn add(&mut self, change: Change) {
        match change {
            Change::Refreshed(key, generation) => {
                self.weight += usize::from(self.generations.insert(key, generation).is_none());
            }
            Change::Forgotten(key) => {
                self.generations.remove(&key);
                self.forgotten.insert(key);
            }
            Change::Settled(key) => {
                self.accounts.remove(&key);
                self.settled.insert(key);
            }
            Change::Begun(key, session, device) => {
                let added = self.accounts.entry(key).or_default();
                added.sessions.push(session);
                self.weight += 1;
                if let Some(device) = device {
                    self.weight += 1 + device.information.len() / 256;
                    added.register(Arc::new(device));
                }
            }
        }
    }

    /// Remembers which ids of devices the account has.
    pub(super) fn remember(&mut self, account: &AccountKey, taken: Taken) {
        self.weight += taken.weight();
        self.accounts.entry(account.clone()).or_default().taken = Some(Arc::new(taken));
    }

    /// Takes out what a newer layer takes out.
    pub(super) fn forget(&mut self, newer: &Self) {
        for key in &newer.forgotten {
            self.generations.remove(key);
        }
        for key in &newer.settled {
            self.accounts.remove(key);
        }
    }

    /// Adds a newer layer, and takes out what that takes out.
    pub(super) fn absorb(&mut self, newer: Self) {
        self.forget(&newer);
        self.weight += newer.weight;
        for (key, generation) in newer.generations {
            if self.generations.insert(key, generation).is_some() {
                self.weight -= 1;
            }
        }
        for (key, more) in newer.accounts {
            self.accounts.entry(key).or_default().absorb(more);
        }
    }
}
