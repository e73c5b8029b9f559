//! Which ids an account's devices had when a layer first asked: a new id, which is random, is then seen to be new
//! without reading the account's page, which in a crowd is in no cache. It stays true for as long as the layer is
//! there and nobody else commits to the file: what this process adds to the account meanwhile is in a layer that is
//! asked as well, and a device that goes leaves its id behind, which only costs a look.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Of an account with so many devices, ids are not remembered.
pub(in crate::session::sqlite) const TOO_MANY: usize = 65;

/// Hashes of their ids.
#[derive(Debug)]
pub(super) struct Taken {
    /// `None`: too many to remember.
    ids: Option<Box<[u64]>>,
    /// SQLite's count of other connections' commits.
    as_of: i64,
}

/// What can be said of an id without its account's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session::sqlite) enum Id {
    Taken,
    Free,
    /// It is to be looked for.
    Maybe,
    /// So it is, and [`super::Tx::remember_taken`] wants to know what is there.
    Unknown,
}

impl Taken {
    pub(super) fn of<'a>(ids: impl Iterator<Item = &'a str>, as_of: i64) -> Self {
        let mut all: Vec<_> = ids.take(TOO_MANY).map(hash).collect();
        all.sort_unstable();
        Self { ids: (all.len() < TOO_MANY).then(|| all.into()), as_of }
    }

    /// What is known of the id, if nobody else has committed since.
    pub(super) fn look(&self, id: &str, now: i64) -> Id {
        match &self.ids {
            _ if self.as_of != now => Id::Unknown,
            Some(ids) if ids.binary_search(&hash(id)).is_err() => Id::Free,
            _ => Id::Maybe,
        }
    }

    /// In a layer's weight.
    pub(super) fn weight(&self) -> usize {
        1 + self.ids.as_ref().map_or(0, |ids| ids.len() / 32)
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
