//! The `cache` and `upstream` tables of a validator that asks another system. Takes them out
//! of the validator's table before its kind reads the rest, and puts the result around it.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::super::SsoValidator;
use super::super::asks::{Asking, Asks};
use super::super::upstream;
use super::Cached;
use super::life::Lifetimes;
use super::memory::Memory;
use super::verdicts::Bounds;
use crate::domain::SystemRandom;
use crate::domain::setting::{self, HumanDuration, Problems, join};

/// The longest of the configurable times.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What the two tables say; a table that is not there is `None`.
#[derive(Debug)]
pub(in super::super) struct Settings {
    cache: Option<Cache>,
    upstream: Option<upstream::Settings>,
}

/// `[validators.<name>.cache]`.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Cache {
    /// How long a positive verdict is good.
    ttl: HumanDuration,
    /// How long a rejection is; zero: rejections are not kept.
    negative_ttl: HumanDuration,
    /// The share of `ttl` that it is lengthened or shortened by at the most.
    jitter: f64,
    /// How long past its time a positive verdict stands in while the other system is down.
    stale_if_error: HumanDuration,
    /// The most verdicts that are kept.
    max_entries: usize,
    /// The most memory that they take, in bytes, by estimate.
    max_bytes: usize,
    /// Whether the answers' own hints shorten `ttl`.
    obey_hints: bool,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            ttl: HumanDuration::secs(30),
            negative_ttl: HumanDuration::secs(2),
            jitter: 0.1,
            stale_if_error: HumanDuration::secs(300),
            max_entries: 10_000,
            max_bytes: 64 * 1024 * 1024,
            obey_hints: true,
        }
    }
}

impl Settings {
    /// Takes the two tables out of the one at `path`.
    pub(in super::super) fn take(value: &mut Value, path: &str, problems: &mut Problems) -> Self {
        let mut take = |key| value.as_object_mut().and_then(|table| table.shift_remove(key));
        let (cache, guard) = (take("cache"), take("upstream"));
        let at = join(path, "cache");
        let cache = cache.and_then(|table| setting::parse::<Cache>(table, &at, problems));
        if let Some(cache) = &cache {
            cache.check(&at, problems);
        }
        let at = join(path, "upstream");
        let guard = guard.and_then(|t| setting::parse::<upstream::Settings>(t, &at, problems));
        if let Some(guard) = &guard {
            guard.check(&at, problems);
        }
        Self { cache, upstream: guard }
    }

    /// Takes the `upstream` table, for a kind whose credentials are good once: it is always
    /// guarded, and its verdicts are never kept.
    pub(in super::super) fn take_guard(
        value: &mut Value,
        path: &str,
        problems: &mut Problems,
    ) -> Self {
        let taken = Self::take(value, path, problems);
        if taken.cache.is_some() {
            let rule = "is not for this kind: its credentials are good once";
            problems.push(join(path, "cache"), rule);
        }
        Self { cache: None, upstream: Some(taken.upstream.unwrap_or_default()) }
    }

    /// The validator at `path`: the kind with what it is configured to have around it.
    pub(in super::super) fn around(
        self,
        inner: Arc<dyn Asks>,
        path: &str,
    ) -> Arc<dyn SsoValidator> {
        Arc::new(match (self.cache, self.upstream) {
            (None, None) => Asking::Always(inner),
            (None, Some(upstream)) => Asking::Guarded(inner, upstream.build(path)),
            (Some(cache), upstream) => {
                let guard = Arc::new(upstream.unwrap_or_default().build(path));
                Asking::Cached(Cached { inner, guard, memory: Arc::new(cache.build()) })
            }
        })
    }
}

impl Cache {
    fn check(&self, path: &str, problems: &mut Problems) {
        for (key, span, least) in [
            ("ttl", self.ttl.0, 1),
            ("negative_ttl", self.negative_ttl.0, 0),
            ("stale_if_error", self.stale_if_error.0, 0),
        ] {
            if span.subsec_nanos() != 0 || span > DAY || span.as_secs() < least {
                let rule = format!("must be whole seconds, from {least}s to 24h");
                problems.push(join(path, key), rule);
            }
        }
        if !(0.0..=0.5).contains(&self.jitter) {
            problems.push(join(path, "jitter"), "must be from 0 to 0.5");
        }
        if !(1..=10_000_000).contains(&self.max_entries) {
            problems.push(join(path, "max_entries"), "must be from 1 to 10000000");
        }
        if self.max_bytes < 64 * 1024 {
            problems.push(join(path, "max_bytes"), "must be at least 65536");
        }
    }

    fn build(self) -> Memory {
        let lifetimes = Lifetimes {
            ttl: self.ttl.0,
            negative_ttl: self.negative_ttl.0,
            jitter_permille: upstream::permille(self.jitter),
            stale_if_error: self.stale_if_error.0,
            obey_hints: self.obey_hints,
        };
        let bounds = Bounds { entries: self.max_entries, bytes: self.max_bytes };
        Memory::new(lifetimes, bounds, Arc::new(SystemRandom))
    }
}
