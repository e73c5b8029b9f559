//! The session limit: which of an account's sessions must go, if any, for one more to begin.
//! Called through `rules.rs` inside the atomic step that begins the session.

use std::collections::BTreeMap;

use crate::domain::Timestamp;
use crate::session::{
    BeginError, SESSIONS_A_PLACE, Session, SessionId, SessionLimit, UpstreamSession, WhenFull,
};

/// What the session limit looks at of each of the account's sessions that is alive.
#[derive(Debug, Clone, Copy)]
pub(in crate::session) struct Held {
    pub(in crate::session) id: SessionId,
    pub(in crate::session) upstream: Option<UpstreamSession>,
    pub(in crate::session) begun_at: Timestamp,
    pub(in crate::session) issued_at: Timestamp,
}

impl Held {
    pub(in crate::session) fn of(session: &Session) -> Self {
        let Session { id, upstream, begun_at, issued_at, .. } = *session;
        Self { id, upstream, begun_at, issued_at }
    }
}

/// Makes room for a session with this SSO session: answers which of the held ones are evicted
/// for it, in order of their ids.
///
/// 1. If sessions of the same SSO session are held, it shares their place. Only if they are
///    [`SESSIONS_A_PLACE`], those that were idle longest go.
/// 2. If the places are fewer than the limit, it takes one.
/// 3. Else it is refused, or as many places as needed are made free: those taken first, or those
///    idle longest; of equals, those with the lower session id.
pub(in crate::session) fn room(
    held: &[Held],
    upstream: Option<UpstreamSession>,
    limit: SessionLimit,
) -> Result<Vec<SessionId>, BeginError> {
    let shares = |one: &&Held| upstream.is_some() && one.upstream == upstream;
    let mut shared: Vec<&Held> = held.iter().filter(shares).collect();
    if !shared.is_empty() {
        shared.sort_by_key(|one| (one.issued_at, one.id));
        shared.truncate((shared.len() + 1).saturating_sub(SESSIONS_A_PLACE));
        return Ok(in_order(shared.iter().map(|one| one.id)));
    }

    let mut places = places(held);
    let max = usize::try_from(limit.max.get()).unwrap_or(usize::MAX);
    let over = (places.len() + 1).saturating_sub(max);
    if over == 0 {
        return Ok(Vec::new());
    }
    match limit.when_full {
        WhenFull::Deny => return Err(BeginError::SessionLimit),
        WhenFull::EvictOldest => places.sort_by_key(|place| (place.taken_at, place.first)),
        WhenFull::EvictIdle => places.sort_by_key(|place| (place.used_at, place.first)),
    }
    Ok(in_order(places[..over].iter().flat_map(|place| place.sessions.iter().copied())))
}

/// One place of an account's limit and the sessions that share it.
struct Place {
    first: SessionId,
    taken_at: Timestamp,
    used_at: Timestamp,
    sessions: Vec<SessionId>,
}

fn places(held: &[Held]) -> Vec<Place> {
    let mut shared = BTreeMap::new();
    let mut places: Vec<Place> = Vec::with_capacity(held.len());
    for one in held {
        let alone = places.len();
        let at = one.upstream.map_or(alone, |upstream| *shared.entry(upstream).or_insert(alone));
        match places.get_mut(at) {
            Some(place) => {
                place.first = place.first.min(one.id);
                place.taken_at = place.taken_at.min(one.begun_at);
                place.used_at = place.used_at.max(one.issued_at);
                place.sessions.push(one.id);
            }
            None => places.push(Place {
                first: one.id,
                taken_at: one.begun_at,
                used_at: one.issued_at,
                sessions: vec![one.id],
            }),
        }
    }
    places
}

fn in_order(ids: impl Iterator<Item = SessionId>) -> Vec<SessionId> {
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    ids
}
