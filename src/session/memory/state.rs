//! The maps, and every change to more than one of them: an account's sessions are found by
//! an index that must name the same sessions as the map. Callers hold the store's one lock.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Bound::{Excluded, Unbounded};

use indexmap::IndexMap;

use super::sweep;
use crate::domain::{AccountId, DeviceId, TenantId, Timestamp};
use crate::session::rules::{self, Held};
use crate::session::{
    BeginError, Device, DeviceRequest, NewSession, Page, PageStart, Session, SessionId, Ticket,
    Versioned,
};

#[derive(Default)]
pub(super) struct State {
    /// Boxed: a tree's nodes hold eleven entries each, and are copied when they split.
    pub(super) sessions: BTreeMap<SessionKey, Box<Kept>>,
    /// What is not evicted of them, by account.
    by_account: BTreeSet<(TenantId, AccountId, SessionId)>,
    pub(super) devices: BTreeMap<DeviceKey, Device>,
    pub(super) tickets: IndexMap<[u8; 32], Ticket, BuildHasherDefault<DigestHasher>>,
    pub(super) keys: HashMap<String, Versioned>,
    pub(super) swept: sweep::Cursor,
}

/// Ordered as [`SessionId`] is, so that what ends first stands first.
pub(super) type SessionKey = (SessionId, TenantId);
pub(super) type DeviceKey = (TenantId, AccountId, DeviceId);

/// A session, or what is left of one to tell its client.
pub(super) struct Kept {
    pub(super) session: Session,
    pub(super) evicted: bool,
}

impl Kept {
    pub(super) fn alive(&self, now: Timestamp) -> bool {
        !self.evicted && rules::alive(self.session.expires_at, now)
    }

    pub(super) fn account(&self) -> &AccountId {
        &self.session.facts.account.id
    }
}

impl State {
    /// Whether the one-time credential, if there is one, may be claimed.
    pub(super) fn claim(&self, new: &NewSession, now: Timestamp) -> Result<(), BeginError> {
        let Some(digest) = &new.claim else { return Ok(()) };
        let ticket = self.tickets.get(&digest.0);
        let honoured = ticket.is_some_and(|ticket| rules::honours(ticket, new, now));
        if honoured { Ok(()) } else { Err(BeginError::ClaimGone) }
    }

    /// Whom the session would evict, if it may begin at all.
    pub(super) fn room(
        &self,
        new: &NewSession,
        now: Timestamp,
    ) -> Result<Vec<SessionId>, BeginError> {
        let Some(limit) = new.limit else { return Ok(Vec::new()) };
        let theirs = self.sessions_of(&new.tenant, &new.facts.account.id, now);
        let held: Vec<_> = theirs.map(Held::of).collect();
        rules::room(&held, new.upstream, limit)
    }

    /// Whether the identifiers are nobody's: an evicted session has its own until it expires.
    pub(super) fn free(&self, new: &NewSession, now: Timestamp) -> Result<(), BeginError> {
        let old = self.sessions.get(&(new.id, new.tenant.clone()));
        let session = old.is_some_and(|old| rules::alive(old.session.expires_at, now));
        let device = match &new.device {
            DeviceRequest::Existing(_) => false,
            DeviceRequest::Register { device, .. } => {
                self.device(&new.tenant, &device.account, &device.id).is_some()
            }
        };
        if session || device { Err(BeginError::Conflict) } else { Ok(()) }
    }

    /// Puts a session, over an expired one if need be.
    pub(super) fn insert(&mut self, session: Session) {
        let key = (session.id, session.tenant.clone());
        self.remove(&key);
        let account = session.facts.account.id.clone();
        self.by_account.insert((session.tenant.clone(), account, session.id));
        self.sessions.insert(key, Box::new(Kept { session, evicted: false }));
    }

    /// Removes a session, alive or not.
    pub(super) fn remove(&mut self, key: &SessionKey) {
        if let Some(old) = self.sessions.remove(key) {
            self.by_account.remove(&(key.1.clone(), old.account().clone(), key.0));
        }
    }

    /// Ends a session and keeps what its client is to be told.
    pub(super) fn evict(&mut self, key: &SessionKey) {
        if let Some(kept) = self.sessions.get_mut(key) {
            kept.evicted = true;
            let account = kept.account().clone();
            self.by_account.remove(&(key.1.clone(), account, key.0));
        }
    }

    /// Ends the sessions of a device.
    pub(super) fn evict_from(&mut self, tenant: &TenantId, account: &AccountId, device: &DeviceId) {
        let of_device = self.kept_of(tenant, account).filter(|k| k.session.device == *device);
        let theirs: Vec<_> = of_device.map(|kept| kept.session.id).collect();
        for id in theirs {
            self.evict(&(id, tenant.clone()));
        }
    }

    /// The account's live sessions, in order of their ids.
    pub(super) fn sessions_of(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        now: Timestamp,
    ) -> impl Iterator<Item = &Session> + use<'_> {
        self.kept_of(tenant, account).filter(move |kept| kept.alive(now)).map(|kept| &kept.session)
    }

    /// The same, expired or not, as they are kept.
    pub(super) fn kept_of(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> impl Iterator<Item = &Kept> + use<'_> {
        let (tenant, account) = (tenant.clone(), account.clone());
        let first = SessionId { ends_at: Timestamp::from_secs(i64::MIN), number: 0 };
        self.by_account
            .range((tenant.clone(), account.clone(), first)..)
            .take_while(move |(t, a, _)| *t == tenant && *a == account)
            .filter_map(|(tenant, _, id)| self.sessions.get(&(*id, tenant.clone())))
            .map(Box::as_ref)
    }

    /// The live ones of the next `limit` sessions behind a place.
    pub(super) fn page(&self, from: Option<SessionKey>, limit: usize, now: Timestamp) -> Page {
        let mut ahead = self.sessions.range((from.map_or(Unbounded, Excluded), Unbounded));
        let mut page = Page::default();
        let mut last = None;
        for (key, kept) in ahead.by_ref().take(limit) {
            last = Some(key);
            if kept.alive(now) {
                page.sessions.push(kept.session.clone());
            }
        }
        let last = last.filter(|_| ahead.next().is_some());
        page.next = last.map(|(id, tenant)| PageStart::behind(*id, tenant));
        page
    }
}

/// Tickets go by digests, which are random already: their first bytes are their hash. Nobody can
/// choose them to collide who cannot find SHA-256 collisions.
#[derive(Default)]
pub(super) struct DigestHasher(u64);

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
