//! The verdicts that are kept: a bounded map whose every operation takes constant time. A
//! clock hand chooses who must go (dead ones first, then those that nobody asked for since it
//! last came by). No locks and no clock here; `memory` has both.

use std::sync::Arc;

use super::key::{Key, KeyMap};
use super::life::Life;
use super::{Purge, weight};
use crate::domain::{Timestamp, Verified};

/// What an entry costs besides what a positive verdict holds: slot and index, with room to grow.
pub(super) const OVERHEAD: usize = 2 * (size_of::<Slot>() + size_of::<(Key, usize)>() + 8);
/// How many slots the hand looks at to find one that may go.
const LOOKS: usize = 16;
/// How many dead ones an insertion looks for, so that they go sooner than they come.
const SWEEP: usize = 4;
/// How far back the clock of one request may be behind another's. Further back, it was set.
const SKEW: i64 = 5;

/// A verdict as it is kept.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    Verified(Arc<Verified>),
    Rejected(&'static str),
}

/// What is remembered of a credential.
#[derive(Debug, Clone)]
pub(super) enum Recalled {
    Fresh(Kept),
    /// Past its time; good only while nobody can be asked.
    Stale(Arc<Verified>),
    Nothing,
}

/// At most so many entries, and so many bytes by estimate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) entries: usize,
    pub(super) bytes: usize,
}

#[derive(Debug)]
struct Slot {
    key: Key,
    kept: Kept,
    kept_at: Timestamp,
    life: Life,
    weight: usize,
    /// Asked for since the hand came by.
    used: bool,
}

impl Slot {
    fn is_dead(&self, now: Timestamp) -> bool {
        now >= self.life.dead_from || self.kept_at.since(now) > SKEW
    }
}

#[derive(Debug)]
pub(super) struct Verdicts {
    bounds: Bounds,
    index: KeyMap<usize>,
    /// Without gaps: the last one fills the place of one that goes.
    slots: Vec<Slot>,
    hand: usize,
    bytes: usize,
}

impl Verdicts {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, index: KeyMap::default(), slots: Vec::new(), hand: 0, bytes: 0 }
    }

    pub(super) fn get(&mut self, key: &Key, now: Timestamp) -> Recalled {
        let Some(&at) = self.index.get(key) else { return Recalled::Nothing };
        let slot = &mut self.slots[at];
        if slot.is_dead(now) {
            self.take(at);
            return Recalled::Nothing;
        }
        slot.used = true;
        match &slot.kept {
            kept if now < slot.life.fresh_until => Recalled::Fresh(kept.clone()),
            Kept::Verified(who) => Recalled::Stale(Arc::clone(who)),
            Kept::Rejected(_) => Recalled::Nothing,
        }
    }

    /// Keeps a verdict in place of what was known; others may have to go for it.
    pub(super) fn insert(&mut self, key: Key, kept: Kept, life: Life, now: Timestamp) {
        self.remove(&key);
        let weight = match &kept {
            Kept::Verified(who) => weight::of(who),
            Kept::Rejected(_) => OVERHEAD,
        };
        if weight > self.bounds.bytes {
            return;
        }
        self.sweep(now);
        while self.slots.len() >= self.bounds.entries || self.bytes + weight > self.bounds.bytes {
            self.evict(now);
        }
        self.index.insert(key, self.slots.len());
        self.slots.push(Slot { key, kept, kept_at: now, life, weight, used: false });
        self.bytes += weight;
    }

    pub(super) fn remove(&mut self, key: &Key) {
        if let Some(&at) = self.index.get(key) {
            self.take(at);
        }
    }

    /// Forgets what `which` covers; looks at every entry, which takes a millisecond or so.
    pub(super) fn purge(&mut self, which: &Purge) -> usize {
        let before = self.slots.len();
        let mut at = 0;
        while let Some(slot) = self.slots.get(at) {
            let who = match &slot.kept {
                Kept::Verified(who) => Some(&**who),
                Kept::Rejected(_) => None,
            };
            if which.covers(who) {
                self.take(at);
            } else {
                at += 1;
            }
        }
        before - self.slots.len()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    fn sweep(&mut self, now: Timestamp) {
        for _ in 0..SWEEP.min(self.slots.len()) {
            match self.under_hand() {
                Some(slot) if slot.is_dead(now) => self.take(self.hand),
                _ => self.hand += 1,
            }
        }
    }

    /// Makes one go.
    fn evict(&mut self, now: Timestamp) {
        for _ in 0..LOOKS {
            match self.under_hand() {
                Some(slot) if slot.used && !slot.is_dead(now) => slot.used = false,
                _ => break,
            }
            self.hand += 1;
        }
        if self.under_hand().is_some() {
            self.take(self.hand);
        }
    }

    /// The slot that the hand points at, once around when it is past the end.
    fn under_hand(&mut self) -> Option<&mut Slot> {
        if self.hand >= self.slots.len() {
            self.hand = 0;
        }
        self.slots.get_mut(self.hand)
    }

    fn take(&mut self, at: usize) {
        let gone = self.slots.swap_remove(at);
        self.index.remove(&gone.key);
        self.bytes -= gone.weight;
        if let Some(moved) = self.slots.get(at) {
            self.index.insert(moved.key, at);
        }
    }
}

#[cfg(test)]
impl Verdicts {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether index, slots and sum agree.
    pub(super) fn is_consistent(&self) -> bool {
        let indexed = |(at, slot): (usize, &Slot)| self.index.get(&slot.key) == Some(&at);
        self.index.len() == self.slots.len()
            && self.slots.iter().enumerate().all(indexed)
            && self.bytes == self.slots.iter().map(|slot| slot.weight).sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
