//! Keys behind a JWKS URL, cached. One fetch at a time; an unknown key id makes it look
//! again, at most every `min_refetch` (`retry` after one that failed); old keys stay while a
//! fetch fails. A fetch runs in a task of its own, so that a caller who gives up does not undo it
//! for the others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use jsonwebtoken::Algorithm;

use super::super::fetch::Upstream;
use super::super::{ValidateCx, ValidateError};
use super::jws::UnverifiedJws;
use super::keys::KeySet;
use super::source::Source;
use crate::domain::Timestamp;

pub(super) struct RemoteKeys {
    source: Source,
    upstream: Upstream,
    algorithms: Vec<Algorithm>,
    times: RefetchTimes,
    cached: ArcSwapOption<Cached>,
    /// The last fetch; held while one runs, which makes fetches single.
    last: tokio::sync::Mutex<LastFetch>,
}

/// When keys are fetched again.
#[derive(Debug, Clone, Copy)]
pub(super) struct RefetchTimes {
    /// How long keys are used before newer ones are asked for.
    pub(super) max_age: Duration,
    /// The least time between two fetches.
    pub(super) min_refetch: Duration,
    /// The least time between two fetches while they fail.
    pub(super) retry: Duration,
}

#[derive(Debug)]
struct Cached {
    keys: KeySet,
    fetched_at: Timestamp,
}

/// When the last fetch began, and how it failed if it did.
#[derive(Debug, Default)]
struct LastFetch {
    at: Option<Timestamp>,
    error: Option<ValidateError>,
}

impl RemoteKeys {
    /// Nothing is fetched before the first token comes.
    pub(super) fn new(
        source: Source,
        upstream: Upstream,
        algorithms: &[Algorithm],
        times: RefetchTimes,
    ) -> Arc<Self> {
        let (cached, last) = (ArcSwapOption::empty(), tokio::sync::Mutex::default());
        let algorithms = algorithms.to_vec();
        Arc::new(Self { source, upstream, algorithms, times, cached, last })
    }

    /// Verifies with the cached keys if one fits, else with what the URL says now.
    ///
    /// # Errors
    /// `Rejected` only when the newest keys say so; when those cannot be had, an unknown
    /// key is `Unavailable` or `Upstream`.
    pub(super) async fn verify(
        self: &Arc<Self>,
        jws: &UnverifiedJws<'_>,
        cx: &ValidateCx<'_>,
    ) -> Result<(), ValidateError> {
        if let Some(cached) = self.cached.load_full()
            && let Ok(checked) = cached.keys.verify(jws)
        {
            if passed(cached.fetched_at, self.times.max_age, cx.now) {
                self.refresh_behind(cx.now);
            }
            return checked.ok();
        }
        let task = tokio::spawn(Arc::clone(self).refresh(cx.now));
        let waited = tokio::time::timeout_at(cx.deadline.into(), task).await;
        let newest = match waited {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => return Err(ValidateError::unavailable("key fetch was stopped")),
            Err(_) => return Err(ValidateError::unavailable("key fetch takes too long")),
        };
        match (self.cached.load_full().map(|cached| cached.keys.verify(jws)), newest) {
            (Some(Ok(checked)), _) => checked.ok(),
            (Some(Err(no_key)), Ok(())) => Err(no_key.into()),
            (_, Err(error)) => Err(error),
            (None, Ok(())) => Err(ValidateError::unavailable("keys have not been fetched")),
        }
    }

    /// Whether there are keys, or the last fetch did not fail.
    pub(super) fn check(&self) -> Result<(), ValidateError> {
        let last = self.last.try_lock().ok().and_then(|last| last.error.clone());
        match last {
            Some(error) if self.cached.load().is_none() => Err(error),
            _ => Ok(()),
        }
    }

    /// Starts a fetch that nobody waits for, unless one is running.
    fn refresh_behind(self: &Arc<Self>, now: Timestamp) {
        if self.last.try_lock().is_ok_and(|last| self.due(&last, now)) {
            drop(tokio::spawn(Arc::clone(self).refresh(now)));
        }
    }

    fn due(&self, last: &LastFetch, now: Timestamp) -> bool {
        let pause = if last.error.is_some() { self.times.retry } else { self.times.min_refetch };
        last.at.is_none_or(|at| passed(at, pause, now))
    }

    /// Fetches, unless somebody just has; answers how the newest fetch went.
    async fn refresh(self: Arc<Self>, now: Timestamp) -> Result<(), ValidateError> {
        let mut last = self.last.lock().await;
        if self.due(&last, now) {
            last.at = Some(now);
            match self.source.fetch(&self.upstream, &self.algorithms, now).await {
                Ok(keys) => {
                    self.cached.store(Some(Arc::new(Cached { keys, fetched_at: now })));
                    last.error = None;
                }
                Err(error) => {
                    tracing::warn!(jwks.host = self.source.host(), %error, "keys cannot be fetched");
                    last.error = Some(error);
                }
            }
        }
        last.error.clone().map_or(Ok(()), Err)
    }
}

/// A fetch is bounded by its own timeouts, not by a caller's deadline.
pub(super) fn far_off() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

/// Whether `span` lies between the two times; a clock that was set back counts as passed.
pub(super) fn passed(since: Timestamp, span: Duration, now: Timestamp) -> bool {
    now < since || now >= since.plus(span)
}

impl std::fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteKeys").field("host", &self.source.host()).finish_non_exhaustive()
    }
}
