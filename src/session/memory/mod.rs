//! The `memory` backend: for tests, demonstrations and tenants that can afford to lose
//! every session with the process. Opened by `session::settings` only. Promises no
//! durability, and never runs a thread of its own.

mod devices;
mod sessions;
mod sweep;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use async_trait::async_trait;
use indexmap::IndexMap;
use parking_lot::Mutex;

use super::{
    Device, KeyStore, Session, SessionId, Store, StoreError, Ticket, TicketStore, Versioned, rules,
};
use crate::domain::identity::OneTimeClaim;
use crate::domain::{AccountId, DeviceId, TenantId, Timestamp};

/// Everything in maps behind one mutex: a call holds it for about a microsecond
/// and never across an await, so that each call is atomic without further thought.
pub(super) struct MemoryStore {
    state: Mutex<State>,
    capacity: usize,
}

#[derive(Default)]
struct State {
    /// Boxed: a tree's nodes hold eleven entries each, and are copied when they split.
    sessions: BTreeMap<SessionKey, Box<Session>>,
    devices: BTreeMap<DeviceKey, Device>,
    tickets: IndexMap<[u8; 32], Ticket, BuildHasherDefault<DigestHasher>>,
    keys: HashMap<String, Versioned>,
    swept: sweep::Cursor,
}

/// Ordered as [`SessionId`] is, so that what ends first stands first.
type SessionKey = (SessionId, TenantId);
type DeviceKey = (TenantId, AccountId, DeviceId);

/// Tickets go by digests, which are random already: their first bytes are their hash. Nobody can
/// choose them to collide who cannot find SHA-256 collisions.
#[derive(Default)]
struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {}
}

impl MemoryStore {
    /// An empty store for at most `capacity` sessions, devices and tickets each.
    pub(super) fn new(capacity: usize) -> Self {
        Self { state: Mutex::default(), capacity }
    }

    fn full(&self) -> StoreError {
        StoreError(format!("memory store holds its {} entries", self.capacity))
    }
}

impl Store for MemoryStore {
    fn kind(&self) -> &'static str {
        "memory"
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

#[async_trait]
impl TicketStore for MemoryStore {
    async fn put_ticket(&self, digest: OneTimeClaim, ticket: Ticket) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        if state.tickets.len() >= self.capacity && !state.tickets.contains_key(&digest.0) {
            return Err(self.full());
        }
        state.tickets.insert(digest.0, ticket);
        Ok(())
    }

    async fn peek_ticket(
        &self,
        digest: OneTimeClaim,
        now: Timestamp,
    ) -> Result<Option<Ticket>, StoreError> {
        let state = self.state.lock();
        let ticket = state.tickets.get(&digest.0);
        Ok(ticket.filter(|ticket| rules::alive(ticket.expires_at, now)).cloned())
    }
}

#[async_trait]
impl KeyStore for MemoryStore {
    async fn load_keys(&self, name: &str) -> Result<Option<Versioned>, StoreError> {
        Ok(self.state.lock().keys.get(name).cloned())
    }

    async fn swap_keys(&self, name: &str, expected: u64, bytes: &[u8]) -> Result<bool, StoreError> {
        let mut state = self.state.lock();
        let version = state.keys.get(name).map_or(0, |stored| stored.version);
        if version != expected {
            return Ok(false);
        }
        let stored = Versioned { version: version.saturating_add(1), bytes: bytes.to_vec() };
        state.keys.insert(name.to_owned(), stored);
        Ok(true)
    }
}
