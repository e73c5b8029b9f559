//! Machinery that several parts share and that is not vocabulary: files that are read
//! again when they change, lists in them, connections to Redis and PostgreSQL, and the steps
//! that `explain` tells. It imports `domain` only.

pub mod correlation;
pub mod fault;
pub mod listing;
pub mod peer;
pub mod postgres;
pub mod redis;
pub mod tls;
pub mod trace;
pub mod watch;

pub use fault::{Fault, FaultKind};
pub use watch::{Watched, Watcher};
