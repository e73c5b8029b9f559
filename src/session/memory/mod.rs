//! The `memory` backend: for tests, demonstrations and tenants that can afford to lose
//! every session with the process. Opened by `session::settings` only. Promises no
//! durability, and never runs a thread of its own.

mod devices;
mod sessions;
mod state;
mod sweep;

use std::fmt;

use async_trait::async_trait;
use parking_lot::Mutex;

use self::state::State;
use super::{KeyStore, Store, StoreError, Ticket, TicketStore, Versioned, rules};
use crate::domain::Timestamp;
use crate::domain::identity::OneTimeClaim;

/// Everything in maps behind one mutex: a call holds it for about a microsecond
/// and never across an await, so that each call is atomic without further thought.
pub(super) struct MemoryStore {
    state: Mutex<State>,
    capacity: usize,
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
