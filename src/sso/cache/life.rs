//! How long a verdict is good. Pure. Times are whole seconds of the clock that requests are
//! stamped with: what is kept for `n` seconds lives between `n - 1` and `n`, never longer.

use std::time::Duration;

use super::super::asks::Hint;
use crate::domain::Timestamp;

/// The configured times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lifetimes {
    /// Of a positive verdict.
    pub(super) ttl: Duration,
    /// Of a rejection; zero: none is kept.
    pub(super) negative_ttl: Duration,
    /// The most that `ttl` is lengthened or shortened by, in thousandths.
    pub(super) jitter_permille: u64,
    /// How long past its time a positive verdict may stand in during an outage.
    pub(super) stale_if_error: Duration,
    /// Whether the other system's hint counts.
    pub(super) obey_hints: bool,
}

/// When a verdict stops being fresh, and when it stops being good for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) fresh_until: Timestamp,
    pub(super) dead_from: Timestamp,
}

impl Lifetimes {
    /// Of a positive verdict that was asked for at `now`; `None`: it is not kept. Jitter makes
    /// it shorter or longer, but never longer than the hint or the credential.
    pub(super) fn positive(
        &self,
        hint: Hint,
        expires_at: Option<Timestamp>,
        now: Timestamp,
        random: u64,
    ) -> Option<Life> {
        let hint = if self.obey_hints { hint } else { Hint::default() };
        let limit = hint.fresh_for.unwrap_or(Duration::MAX).as_secs();
        let end = expires_at.unwrap_or(Timestamp::MAX);
        let base = self.ttl.as_secs().min(limit);
        let span = base.saturating_mul(self.jitter_permille) / 1000;
        let jittered = base - span + random % (2 * span + 1);
        let fresh_until = now.plus(Duration::from_secs(jittered.min(limit))).min(end);
        let grace = if hint.never_stale { Duration::ZERO } else { self.stale_if_error };
        let dead_from = fresh_until.plus(grace).min(end);
        (fresh_until > now).then_some(Life { fresh_until, dead_from })
    }

    /// Of a rejection; `None`: it is not kept.
    pub(super) fn negative(&self, hint: Hint, now: Timestamp) -> Option<Life> {
        let limit = if self.obey_hints { hint.fresh_for } else { None };
        let until = now.plus(self.negative_ttl.min(limit.unwrap_or(Duration::MAX)));
        (until > now).then_some(Life { fresh_until: until, dead_from: until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_secs(1000);

    fn lifetimes() -> Lifetimes {
        let secs = Duration::from_secs;
        Lifetimes {
            ttl: secs(60),
            negative_ttl: secs(2),
            jitter_permille: 100,
            stale_if_error: secs(300),
            obey_hints: true,
        }
    }

    fn hint(secs: u64) -> Hint {
        Hint { fresh_for: Some(Duration::from_secs(secs)), never_stale: false }
    }

    proptest! {
        #[test]
        fn nothing_outlives_its_limits(
            hinted in proptest::option::of(0..200_u64),
            end in proptest::option::of(900..2000_i64),
            random: u64,
        ) {
            let hint = hinted.map(hint).unwrap_or_default();
            let end = end.map(Timestamp::from_secs);
            if let Some(life) = lifetimes().positive(hint, end, NOW, random) {
                let fresh = life.fresh_until.since(NOW);
                prop_assert!((1..=66).contains(&fresh));
                prop_assert!(hinted.is_none_or(|h| fresh.unsigned_abs() <= h));
                prop_assert!(end.is_none_or(|end| life.dead_from <= end));
                prop_assert!(life.dead_from.since(life.fresh_until) <= 300);
            } else {
                prop_assert!(hinted == Some(0) || end.is_some_and(|end| end <= NOW));
            }
        }
    }

    #[test]
    fn jitter_spreads_ends_around_the_ttl() {
        let ends: std::collections::BTreeSet<_> = (0..1000)
            .filter_map(|r| lifetimes().positive(Hint::default(), None, NOW, r))
            .map(|life| life.fresh_until.since(NOW))
            .collect();
        assert_eq!(ends.into_iter().collect::<Vec<_>>(), (54..=66).collect::<Vec<_>>());
    }

    #[test]
    fn what_must_be_revalidated_is_never_stale() {
        let hint = Hint { never_stale: true, ..hint(10) };
        let life = lifetimes().positive(hint, None, NOW, 5).unwrap();
        assert_eq!(life.fresh_until, life.dead_from);
    }

    #[test]
    fn a_rejection_is_short_and_never_stale() {
        let life = lifetimes().negative(Hint::default(), NOW).unwrap();
        assert_eq!((life.fresh_until.since(NOW), life.dead_from.since(NOW)), (2, 2));
        assert_eq!(lifetimes().negative(hint(0), NOW), None);
        let off = Lifetimes { negative_ttl: Duration::ZERO, ..lifetimes() };
        assert_eq!(off.negative(Hint::default(), NOW), None);
    }
}
