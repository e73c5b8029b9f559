//! Removes what has expired from memory, a bounded piece a call. A session can expire
//! (unrefreshed) long before its absolute end, by which the map is ordered, so the sweep
//! walks on from where it stopped and looks at no more than a bounded number of entries.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use super::{SessionKey, State};
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
    ticket: Option<[u8; 32]>,
}

/// Removes at most `limit` expired sessions and tickets; answers how many.
pub(super) fn sweep(state: &mut State, limit: u32, now: Timestamp) -> u32 {
    let limit_entries = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut removed = front(state, limit_entries, now);
    let expired = |at: Timestamp| !rules::alive(at, now);
    removed +=
        walk(&mut state.sessions, &mut state.swept.session, limit_entries - removed, |session| {
            expired(session.expires_at)
        });
    removed +=
        walk(&mut state.tickets, &mut state.swept.ticket, limit_entries - removed, |ticket| {
            expired(ticket.expires_at)
        });
    u32::try_from(removed).unwrap_or(limit)
}

/// Removes at most `limit` sessions that are past their absolute end: they stand first.
pub(super) fn front(state: &mut State, limit: usize, now: Timestamp) -> usize {
    let mut removed = 0;
    while removed < limit {
        match state.sessions.first_entry() {
            Some(first) if !rules::alive(first.key().0.ends_at, now) => first.remove(),
            _ => break,
        };
        removed += 1;
    }
    removed
}

/// Removes at most `limit` expired entries behind the cursor; at the end of the map the
/// cursor goes back to its beginning.
fn walk<K: Ord + Clone, V>(
    map: &mut BTreeMap<K, V>,
    cursor: &mut Option<K>,
    limit: usize,
    expired: impl Fn(&V) -> bool,
) -> usize {
    if limit == 0 {
        return 0;
    }
    let mut found = Vec::new();
    let mut ahead = map.range((cursor.take().map_or(Unbounded, Excluded), Unbounded));
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
    *cursor = last.filter(|_| ahead.next().is_some()).cloned();
    for key in &found {
        map.remove(key);
    }
    found.len()
}
