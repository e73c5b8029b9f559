//! How a token names its session: the pair's `jti` in the `ags` profile, `sid` and `jti`
//! in the `standard` one. Both hold the session's number and generation, and a token
//! carries the session's end, so that a verified token names its session without a look-up.
//!
//! A `jti` of the `ags` profile is `(number << 20) | generation` in decimal digits, like
//! the vendor's own. [`SessionId::NUMBER_LIMIT`] and [`LAST_GENERATION`] keep it below
//! 2^63, which every JSON library and database column holds.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::domain::Timestamp;
use crate::session::{LAST_GENERATION, SessionId};

const GENERATION_BITS: u32 = LAST_GENERATION.count_ones();

/// The decimal `jti` that a pair of the `ags` profile shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PairId {
    /// The session's number.
    pub(super) number: u64,
    /// The pair's generation, from 1.
    pub(super) generation: u32,
}

impl PairId {
    /// Reads canonical digits only, so that no two texts name the same pair.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let value = u64::try_from(canonical(text)?).ok()?;
        let generation = u32::try_from(value & u64::from(LAST_GENERATION)).ok()?;
        (generation > 0).then_some(Self { number: value >> GENERATION_BITS, generation })
    }
}

impl fmt::Display for PairId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ((self.number << GENERATION_BITS) | u64::from(self.generation)).fmt(f)
    }
}

impl Serialize for PairId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// The `sid` of the `standard` profile: `<end>.<number>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sid(pub(super) SessionId);

impl Sid {
    pub(super) fn parse(text: &str) -> Option<SessionId> {
        let (end, number) = text.split_once('.')?;
        let number = u64::try_from(canonical(number)?).ok()?;
        let ends_at = Timestamp::from_secs(canonical(end)?);
        (number < SessionId::NUMBER_LIMIT).then_some(SessionId { ends_at, number })
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0.ends_at.secs(), self.0.number)
    }
}

impl Serialize for Sid {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// The `jti` of the `standard` profile: `<sid>.<generation>.<a|r>`, unique to each token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StandardJti {
    /// The session.
    pub(super) sid: Sid,
    /// The pair's generation, from 1.
    pub(super) generation: u32,
    /// Whether it is the refresh token's.
    pub(super) refresh: bool,
}

impl StandardJti {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (rest, kind) = text.rsplit_once('.')?;
        let (sid, generation) = rest.rsplit_once('.')?;
        let refresh = match kind {
            "a" => false,
            "r" => true,
            _ => return None,
        };
        let generation = u32::try_from(canonical(generation)?).ok()?;
        let sid = Sid(Sid::parse(sid)?);
        (1..=LAST_GENERATION).contains(&generation).then_some(Self { sid, generation, refresh })
    }
}

impl fmt::Display for StandardJti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.refresh { 'r' } else { 'a' };
        write!(f, "{}.{}.{kind}", self.sid, self.generation)
    }
}

impl Serialize for StandardJti {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// A number of at most 63 bits as decimal digits without leading zeros or sign.
fn canonical(text: &str) -> Option<i64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    (digits && (text == "0" || !text.starts_with('0'))).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers() -> impl Strategy<Value = u64> {
        prop_oneof![Just(0), Just(SessionId::NUMBER_LIMIT - 1), 0..SessionId::NUMBER_LIMIT]
    }

    fn generations() -> impl Strategy<Value = u32> {
        prop_oneof![Just(1), Just(LAST_GENERATION), 1..=LAST_GENERATION]
    }

    proptest! {
        #[test]
        fn a_pair_id_comes_back_as_it_went(number in numbers(), generation in generations()) {
            let id = PairId { number, generation };
            prop_assert_eq!(PairId::parse(&id.to_string()), Some(id));
            prop_assert!(id.to_string().parse::<i64>().is_ok_and(|v| v > 0));
        }

        #[test]
        fn a_standard_id_comes_back_as_it_went(
            number in numbers(), generation in generations(), end in 0..i64::MAX, refresh: bool,
        ) {
            let sid = Sid(SessionId { ends_at: Timestamp::from_secs(end), number });
            let jti = StandardJti { sid, generation, refresh };
            prop_assert_eq!(StandardJti::parse(&jti.to_string()), Some(jti));
            prop_assert_eq!(Sid::parse(&sid.to_string()), Some(sid.0));
        }

        #[test]
        fn reading_is_the_inverse_or_nothing(text in "[0-9.ar+-]{0,40}") {
            if let Some(id) = PairId::parse(&text) {
                prop_assert_eq!(id.to_string(), text.as_str());
            }
            if let Some(id) = Sid::parse(&text) {
                prop_assert_eq!(Sid(id).to_string(), text.as_str());
            }
            if let Some(id) = StandardJti::parse(&text) {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn anything_but_canonical_digits_is_no_pair_id() {
        // 1048576 = 1 << 20 has generation 0; the last one does not fit 63 bits.
        for bad in ["", "0", "01", "+1", "-1", " 1", "1.0", "x", "1048576", "9223372036854775808"] {
            assert_eq!(PairId::parse(bad), None, "{bad}");
        }
    }
}
