//! Changes of one age, in the order of the trees. A batch's layer also says what it takes out of those
//! below.

use std::collections::{BTreeMap, BTreeSet};

use super::change::AccountRow;
use super::{AccountKey, Change, Generation, SessionKey};
use crate::session::Device;

#[derive(Debug, Default)]
pub(super) struct Layer {
    /// `None`: the session is gone, whatever is below.
    pub(super) generations: BTreeMap<SessionKey, Option<Generation>>,
    /// What accounts have; each device with what is to be stored of it.
    pub(super) rows: BTreeMap<AccountRow, Option<Device>>,
    /// Accounts of which nothing below counts.
    pub(super) settled: BTreeSet<AccountKey>,
    /// What devices say of themselves, in bytes.
    information: usize,
}

impl Layer {
    /// How many entries its memory would do for.
    pub(super) fn weight(&self) -> usize {
        self.generations.len() + self.rows.len() + self.information / 256
    }

    pub(super) fn add(&mut self, change: Change) {
        match change {
            Change::Refreshed(key, generation) => {
                self.generations.insert(key, Some(generation));
            }
            Change::Forgotten(key) => {
                self.generations.insert(key, None);
            }
            Change::Settled(key) => {
                self.drop_account(&key);
                self.settled.insert(key);
            }
            Change::Begun(key, session, device) => {
                if let Some(device) = device {
                    self.information += device.information.len();
                    self.rows.insert(AccountRow::device(&key, &device.id), Some(device));
                }
                self.rows.insert(AccountRow::session(&key, session), None);
            }
        }
    }

    /// What the account has here, in order.
    pub(super) fn account<'a>(
        &'a self,
        key: &'a AccountKey,
    ) -> impl Iterator<Item = (&'a AccountRow, &'a Option<Device>)> {
        self.rows.range(AccountRow::first(key)..).take_while(move |(row, _)| row.account == *key)
    }

    /// Takes out what a newer layer takes out.
    pub(super) fn forget(&mut self, newer: &Self) {
        for (key, generation) in &newer.generations {
            if generation.is_none() {
                self.generations.remove(key);
            }
        }
        newer.settled.iter().for_each(|key| self.drop_account(key));
    }

    /// Adds a newer layer, and takes out what that takes out.
    pub(super) fn absorb(&mut self, newer: Self) {
        self.forget(&newer);
        self.information += newer.information;
        self.generations.extend(newer.generations.into_iter().filter(|(_, kept)| kept.is_some()));
        self.rows.extend(newer.rows);
    }

    fn drop_account(&mut self, key: &AccountKey) {
        let rows: Vec<_> = self.account(key).map(|(row, _)| row.clone()).collect();
        for row in rows {
            if let Some(Some(device)) = self.rows.remove(&row) {
                self.information -= device.information.len();
            }
        }
    }
}
