//! How many requests may be sent a second time: a share of all requests, so that retries
//! cannot double the load on a system that is failing.

use std::sync::atomic::{AtomicU64, Ordering};

/// What one retry costs.
const RETRY: u64 = 1000;
/// The most that is saved up: ten retries.
const MOST: u64 = 10 * RETRY;

/// A purse: every request pays its share in, a retry takes a whole one out.
#[derive(Debug)]
pub(super) struct Budget {
    /// Thousandths of a retry that a request earns.
    share: u64,
    saved: AtomicU64,
}

impl Budget {
    /// A share of 0 allows none; otherwise the first retry is free.
    pub(super) fn new(share_permille: u64) -> Self {
        let saved = if share_permille == 0 { 0 } else { RETRY };
        Self { share: share_permille, saved: AtomicU64::new(saved) }
    }

    /// Counts a request.
    pub(super) fn earn(&self) {
        let add = |saved: u64| Some((saved + self.share).min(MOST));
        let _ = self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Pays for a retry, if there is enough.
    pub(super) fn spend(&self) -> bool {
        let take = |saved: u64| saved.checked_sub(RETRY);
        self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}
