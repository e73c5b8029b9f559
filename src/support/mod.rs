//! Machinery that several parts share and that is not vocabulary: files that are read
//! again when they change, and lists in them. It imports `domain` only.

pub mod correlation;
pub mod listing;
pub mod watch;

pub use watch::{Watched, Watcher};
