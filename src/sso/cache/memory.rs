//! What a cache remembers, under one lock that is held for look-ups only: the verdicts, and
//! which checks are under way. A check is one [`Flight`]; everybody with the same credential
//! waits for it.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::key::{Digester, Key, KeyMap};
use super::life::{Life, Lifetimes};
use super::verdicts::{Bounds, Kept, Recalled, Verdicts};
use super::{Purge, ValidateError};
use crate::domain::{Random, Timestamp, Verified};
use crate::sso::asks::Told;

/// A check's outcome, shared by those who wait for it.
pub(super) type Outcome = Result<Arc<Verified>, ValidateError>;
/// What they wait on.
pub(super) type Landing = watch::Receiver<Option<Outcome>>;

#[derive(Debug)]
pub(super) struct Memory {
    pub(super) digester: Digester,
    lifetimes: Lifetimes,
    random: Arc<dyn Random>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    verdicts: Verdicts,
    /// Apart from the verdicts, and fewer: credentials that somebody makes up push out only each
    /// other.
    rejections: Verdicts,
    /// Who is being checked: the flight's number, and what to wait on.
    flights: KeyMap<(u64, Landing)>,
    /// Numbers flights.
    flown: u64,
    /// How often something was purged: an older flight's verdict is not kept.
    purges: u64,
}

/// What to do about a credential.
pub(super) enum Boarding {
    Known(Kept),
    Follow(Landing),
    Lead(Flight, Landing),
}

impl Memory {
    pub(super) fn new(lifetimes: Lifetimes, bounds: Bounds, random: Arc<dyn Random>) -> Self {
        let state = State {
            verdicts: Verdicts::new(bounds),
            rejections: Verdicts::new(Bounds { entries: bounds.entries.div_ceil(10), ..bounds }),
            flights: KeyMap::default(),
            flown: 0,
            purges: 0,
        };
        let digester = Digester::new(&*random);
        Self { digester, lifetimes, random, state: Mutex::new(state) }
    }

    pub(super) fn recall(&self, key: &Key, now: Timestamp) -> Recalled {
        self.state.lock().recall(key, now)
    }

    /// Follows the check that is under way, or begins one, unless a verdict has just come in.
    pub(super) fn board(self: &Arc<Self>, key: Key, now: Timestamp) -> Boarding {
        let mut state = self.state.lock();
        if let Some((_, landing)) = state.flights.get(&key) {
            return Boarding::Follow(landing.clone());
        }
        if let Recalled::Fresh(kept) = state.recall(&key, now) {
            return Boarding::Known(kept);
        }
        let (sender, landing) = watch::channel(None);
        state.flown += 1;
        let number = state.flown;
        state.flights.insert(key, (number, landing.clone()));
        let memory = Arc::clone(self);
        Boarding::Lead(Flight { memory, key, number, purges: state.purges, now, sender }, landing)
    }

    pub(super) fn purge(&self, which: &Purge) -> usize {
        let mut state = self.state.lock();
        state.purges += 1;
        // Whoever asks from now on must not be told what was asked before.
        state.flights.clear();
        state.verdicts.purge(which) + state.rejections.purge(which)
    }

    /// How many verdicts there are, and how many checks are under way.
    pub(super) fn len(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.verdicts.len() + state.rejections.len(), state.flights.len())
    }
}

/// A check under way. However it ends, in a panic too, nobody waits for it any longer.
pub(super) struct Flight {
    memory: Arc<Memory>,
    key: Key,
    number: u64,
    purges: u64,
    /// When it was asked for, by the clock of the request that did.
    pub(super) now: Timestamp,
    sender: watch::Sender<Option<Outcome>>,
}

impl Flight {
    /// Keeps the verdict if it is one, and tells everybody.
    pub(super) fn land(self, told: Told) {
        let outcome = told.verdict.map(Arc::new);
        let lifetimes = &self.memory.lifetimes;
        let keep = match &outcome {
            // A one-time credential is good once: its verdict cannot be kept.
            Ok(who) if who.claim.is_some() => Some(None),
            Ok(who) => {
                let random = self.memory.random.u64();
                let life = lifetimes.positive(told.hint, who.expires_at, self.now, random);
                Some(life.map(|life| (Kept::Verified(Arc::clone(who)), life)))
            }
            Err(ValidateError::Rejected(why)) => {
                let life = lifetimes.negative(told.hint, self.now);
                Some(life.map(|life| (Kept::Rejected(why), life)))
            }
            // Not a verdict: what was known stays known.
            Err(_) => None,
        };
        if let Some(kept) = keep {
            self.keep(kept);
        }
        self.sender.send_replace(Some(outcome));
    }
}

impl Flight {
    /// What is known from now on; `None`: nothing. After a purge that is nothing, too: even then
    /// a rejection must end what was known before.
    fn keep(&self, kept: Option<(Kept, Life)>) {
        let mut state = self.memory.state.lock();
        let kept = kept.filter(|_| state.purges == self.purges);
        state.verdicts.remove(&self.key);
        state.rejections.remove(&self.key);
        if let Some((kept, life)) = kept {
            let place = match kept {
                Kept::Verified(_) => &mut state.verdicts,
                Kept::Rejected(_) => &mut state.rejections,
            };
            place.insert(self.key, kept, life, self.now);
        }
    }
}

impl State {
    fn recall(&mut self, key: &Key, now: Timestamp) -> Recalled {
        match self.verdicts.get(key, now) {
            Recalled::Nothing => self.rejections.get(key, now),
            known => known,
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut state = self.memory.state.lock();
        if state.flights.get(&self.key).is_some_and(|(number, _)| *number == self.number) {
            state.flights.remove(&self.key);
        }
    }
}
