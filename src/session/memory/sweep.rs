//! Removes what has expired from memory, a bounded piece a call. A session can expire
//! (unrefreshed) long before its absolute end, by which the map is ordered, so the sweep
//! walks on from where it stopped and looks at no more than a bounded number of entries.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use super::state::{SessionKey, State};
use crate::domain::Timestamp;
use crate::session::rules;

/// Entries looked at for each one that may be removed.
const LOOK_AT: usize = 16;

/// How many sessions past their absolute end are removed when the store is full.
pub(super) const WHEN_FULL: usize = 64;

/// Where the last sweep stopped.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    session: Option<SessionKey>,
    ticket: usize,
}

/// Removes at most `limit` expired sessions and tickets; answers how many.
pub(super) fn sweep(state: &mut State, limit: u32, now: Timestamp) -> u32 {
    let limit_entries = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut removed = front(state, limit_entries, now);
    let expired = |at: Timestamp| !rules::alive(at, now);
    let cursor = state.swept.session.take();
    let (found, next) = walk(&state.sessions, cursor, limit_entries - removed, |kept| {
        expired(kept.session.expires_at)
    });
    state.swept.session = next;
    removed += found.len();
    for key in &found {
        state.remove(key);
    }
    removed += walk_tickets(state, limit_entries - removed, now);
    u32::try_from(removed).unwrap_or(limit)
}

/// The same for tickets, which stand in a list where the last takes a removed one's place.
fn walk_tickets(state: &mut State, limit: usize, now: Timestamp) -> usize {
    let mut removed = 0;
    for _ in 0..limit.saturating_mul(LOOK_AT) {
        match state.tickets.get_index(state.swept.ticket) {
            None => {
                state.swept.ticket = 0;
                break;
            }
            Some((_, ticket)) if rules::alive(ticket.expires_at, now) => state.swept.ticket += 1,
            Some(_) if removed == limit => break,
            Some(_) => {
                state.tickets.swap_remove_index(state.swept.ticket);
                removed += 1;
            }
        }
    }
    removed
}

/// Removes at most `limit` sessions that are past their absolute end: they stand first.
pub(super) fn front(state: &mut State, limit: usize, now: Timestamp) -> usize {
    let mut removed = 0;
    while removed < limit {
        match state.sessions.first_key_value() {
            Some((first, _)) if !rules::alive(first.0.ends_at, now) => {
                let first = first.clone();
                state.remove(&first);
            }
            _ => break,
        }
        removed += 1;
    }
    removed
}

/// Finds at most `limit` expired entries behind the cursor; at the end of the map the
/// cursor goes back to its beginning.
fn walk<K: Ord + Clone, V>(
    map: &BTreeMap<K, V>,
    cursor: Option<K>,
    limit: usize,
    expired: impl Fn(&V) -> bool,
) -> (Vec<K>, Option<K>) {
    if limit == 0 {
        return (Vec::new(), cursor);
    }
    let mut found = Vec::new();
    let mut ahead = map.range((cursor.map_or(Unbounded, Excluded), Unbounded));
    let mut last = None;
    for (key, value) in ahead.by_ref().take(limit.saturating_mul(LOOK_AT)) {
        last = Some(key);
        if expired(value) {
            found.push(key.clone());
        }
        if found.len() == limit {
            break;
        }
    }
    let next = last.filter(|_| ahead.next().is_some()).cloned();
    (found, next)
}
