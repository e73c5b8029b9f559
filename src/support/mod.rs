//! Machinery that several parts share and that is not vocabulary: files that are read
//! again when they change. It imports `domain` only.

pub mod watch;

pub use watch::{Watched, Watcher};
