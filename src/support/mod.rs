//! Machinery that several parts share and that is not vocabulary: files that are read
//! again when they change, lists in them, and the steps that `explain` tells. It imports `domain` only.

pub mod correlation;
pub mod listing;
pub mod trace;
pub mod watch;

pub use watch::{Watched, Watcher};
