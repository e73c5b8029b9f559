//! What `[store]` says with `kind = "sqlite"`. `settings.rs` of `session` reads it; nothing is
//! opened here.

use std::path::PathBuf;

use serde::Deserialize;

use crate::domain::setting::{Problems, join};

/// The cache of a file smaller than [`LARGE`]. More would be slower: when a page of a tree is split, SQLite looks
/// through its whole cache at the commit, for a page behind the file's end that it gave a number of
/// for a moment: 1 GiB (`PENDING_BYTE`). The kernel has what is not in the cache.
const SMALL_CACHE: u64 = 16 << 20;

/// From here on that page is not behind the end.
const LARGE: u64 = 1 << 30;

/// A large file's: with five million sessions the trees' inner pages alone are 16 MiB.
const LARGE_CACHE: u64 = 64 << 20;

/// `kind = "sqlite"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct SqliteSettings {
    /// The database file. Its directory must exist and be writable. (The default stands here
    /// and not among the configuration's, where it would be a key that `memory` does not know.)
    #[serde(default = "default_path")]
    pub(super) path: PathBuf,
    /// Memory for cached pages, in bytes: three quarters for the writer, one for the readers. `None`: by the
    /// size of the file.
    #[serde(default)]
    cache_size: Option<u64>,
    /// The most writes that are committed together.
    #[serde(default = "default_max_batch")]
    pub(super) max_batch: usize,
    /// Changes that are remembered until they are written to the trees together: of sign-ons, two each, and of
    /// refreshes, one a session.
    #[serde(default = "default_memtable")]
    pub(super) memtable: usize,
    /// The most writes that wait; one more is refused at once.
    #[serde(default = "default_queue")]
    pub(super) queue: usize,
    /// Whether a server has the file open as well.
    #[serde(skip)]
    pub(super) beside: bool,
    /// Connections for reading.
    #[serde(default = "default_readers")]
    pub(super) readers: usize,
}

impl SqliteSettings {
    /// For a process that has the file open besides a server.
    pub(in super::super) fn beside(&self) -> Self {
        Self { beside: true, ..self.clone() }
    }

    /// Bytes for cached pages of a file of so many.
    pub(super) fn cache_size(&self, file: u64) -> u64 {
        self.cache_size.unwrap_or(if file < LARGE { SMALL_CACHE } else { LARGE_CACHE })
    }

    /// Notes everything that is wrong with them.
    pub(in super::super) fn check(&self, path: &str, problems: &mut Problems) {
        let mut hold = |key: &str, holds: bool, rule: &str| {
            if !holds {
                problems.push(join(path, key), rule);
            }
        };
        hold("path", !self.path.as_os_str().is_empty(), "must not be empty");
        let cache = 1 << 20..=1 << 40;
        let cached = self.cache_size.is_none_or(|size| cache.contains(&size));
        hold("cache_size", cached, "must be 1 MiB to 1 TiB, in bytes");
        hold("max_batch", (1..=4096).contains(&self.max_batch), "must be 1 to 4096");
        hold("memtable", (1..=1 << 24).contains(&self.memtable), "must be 1 to 16777216");
        hold("queue", (1..=1 << 20).contains(&self.queue), "must be 1 to 1048576");
        hold("readers", (1..=64).contains(&self.readers), "must be 1 to 64");
    }
}

fn default_path() -> PathBuf {
    "/var/lib/cambio/cambio.db".into()
}

fn default_max_batch() -> usize {
    256
}

/// 30 to 50 MiB (of few accounts less), and as much again while they are written. The more they are, the more of them share a
/// page, and the longer it may take to open the file.
fn default_memtable() -> usize {
    131_072
}

fn default_queue() -> usize {
    4096
}

fn default_readers() -> usize {
    2
}
