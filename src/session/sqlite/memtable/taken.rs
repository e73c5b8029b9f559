//! Which ids an account's devices had when a layer first asked: a new id, which is random, is then seen to be new
//! without reading the account's page, which in a crowd is in no cache. It stays true for as long as the layer is
//! there, because whatever is added to the account meanwhile is in a layer that is asked as well; a device that
//! goes leaves its id behind, which only costs a look.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::domain::DeviceId;

/// Hashes of their ids.
#[derive(Debug)]
pub(in crate::session::sqlite) struct Taken(Vec<u64>);

impl Taken {
    /// An account of more devices is looked at each time.
    pub(in crate::session::sqlite) const MOST: u8 = 64;

    pub(super) fn of<'a>(ids: impl Iterator<Item = &'a str>) -> Self {
        Self(ids.map(hash).collect())
    }

    /// Whether the id may be one of these.
    pub(super) fn may_have(&self, id: &DeviceId) -> bool {
        self.0.contains(&hash(id.as_str()))
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
