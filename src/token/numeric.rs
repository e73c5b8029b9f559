//! Claims that are times, read strictly: a JSON integer in the range of years that a
//! date can name, nothing else (no float, string, negative or huge value).

use serde::{Deserialize, Deserializer};

use crate::domain::Timestamp;

/// The last second of the year 9999.
const LAST: i64 = 253_402_300_799;

/// A `NumericDate` (RFC 7519 section 2) without the fraction that it would allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NumericDate(pub(super) Timestamp);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let secs = i64::deserialize(d)?;
        if (0..=LAST).contains(&secs) {
            Ok(Self(Timestamp::from_secs(secs)))
        } else {
            Err(serde::de::Error::custom("a time out of range"))
        }
    }
}

/// The earliest of two times that can still be written as a [`NumericDate`].
pub(super) fn earliest(a: Timestamp, b: Timestamp) -> Timestamp {
    a.min(b).min(Timestamp::from_secs(LAST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_an_integer_in_range() {
        let parse = |text: &str| serde_json::from_str::<NumericDate>(text).ok().map(|d| d.0.secs());
        assert_eq!(parse("0"), Some(0));
        assert_eq!(parse("253402300799"), Some(LAST));
        for bad in ["253402300800", "-1", "1.0", "1e3", "\"1\"", "null", "99999999999999999999"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
