//! The tickets that this process stored lately and that have not been taken since. A reading
//! connection forgets its pages at every commit, so looking a ticket up costs more than taking it; most
//! are used within seconds where they were made. It is a hint for `peek_ticket` only: whether a
//! ticket is still there is decided in `begin.rs`, from the file.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;

use crate::domain::identity::OneTimeClaim;
use crate::session::Ticket;

/// The most tickets remembered: about 20 MiB. The oldest go first.
const CAPACITY: usize = 65_536;

/// The tickets, by their names.
#[derive(Default)]
pub(super) struct Recent(Mutex<State>);

#[derive(Default)]
struct State {
    // None waits for a choice: what those say besides is many times as much.
    tickets: HashMap<[u8; 32], Ticket>,
    // Names in the order they came, those of taken tickets included.
    order: VecDeque<[u8; 32]>,
}

impl Recent {
    /// Remembers a ticket that has been stored, unless its user has a choice to make.
    pub(super) fn remember(&self, digest: OneTimeClaim, ticket: Ticket) {
        if ticket.sign_on.is_some() {
            return;
        }
        let mut state = self.0.lock();
        if state.order.len() >= CAPACITY
            && let Some(oldest) = state.order.pop_front()
        {
            state.tickets.remove(&oldest);
        }
        if state.tickets.insert(digest.0, ticket).is_none() {
            state.order.push_back(digest.0);
        }
    }

    /// Forgets one that has been taken.
    pub(super) fn forget(&self, digest: &OneTimeClaim) {
        self.0.lock().tickets.remove(&digest.0);
    }

    /// A ticket, expired or not.
    pub(super) fn ticket(&self, digest: &OneTimeClaim) -> Option<Ticket> {
        self.0.lock().tickets.get(&digest.0).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AccountId, ServiceName, TenantId, Timestamp};

    fn name(n: usize) -> OneTimeClaim {
        let mut name = [0; 32];
        name[..8].copy_from_slice(&n.to_be_bytes());
        OneTimeClaim(name)
    }

    fn ticket(account: &str) -> Ticket {
        Ticket {
            tenant: TenantId::parse("nagra").unwrap(),
            service: ServiceName::parse("auth").unwrap(),
            account: AccountId::parse(account).unwrap(),
            expires_at: Timestamp::from_secs(60),
            sign_on: None,
        }
    }

    #[test]
    fn the_oldest_tickets_go_first_and_the_number_is_bounded() {
        let recent = Recent::default();
        for n in 0..=CAPACITY {
            recent.remember(name(n), ticket("a"));
        }
        assert_eq!(recent.ticket(&name(0)), None);
        assert_eq!(recent.ticket(&name(1)), Some(ticket("a")));
        assert_eq!(recent.ticket(&name(CAPACITY)), Some(ticket("a")));
        assert_eq!(recent.0.lock().order.len(), CAPACITY);
    }

    #[test]
    fn a_taken_ticket_is_forgotten_and_a_repeated_name_has_the_last_ticket() {
        let recent = Recent::default();
        recent.remember(name(1), ticket("a"));
        recent.remember(name(1), ticket("b"));
        assert_eq!(recent.ticket(&name(1)), Some(ticket("b")));
        recent.forget(&name(1));
        assert_eq!(recent.ticket(&name(1)), None);
        // A name that was forgotten and came again: its first place in the order ends it early, never late.
        recent.remember(name(1), ticket("c"));
        assert_eq!(recent.ticket(&name(1)), Some(ticket("c")));
    }
}
