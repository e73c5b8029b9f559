//! When the session behind an answer ends, computed from what the answer says: some systems say
//! it outright, others when it began or was last used. Part of the tables of the kinds that
//! ask (`http`, `cas`). A time that is named and not there is an error, never "for ever".

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::ValidateError;
use super::iso_time;
use super::mapping::Place;
use crate::domain::Timestamp;
use crate::domain::setting::HumanDuration;

/// The latest time that is taken for one: the end of the year 9999.
const MAX_TIME: i64 = 253_402_300_799;

/// `"exp"`, one table or a list of both; the earliest end counts.
#[derive(Debug, Clone)]
pub(super) struct Ends(Vec<End>);

/// One time in the answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    at: Place,
    #[serde(default)]
    format: Format,
    /// How long after that time the session ends.
    #[serde(default = "nothing")]
    plus: HumanDuration,
    /// Whether it may be absent, and then ends nothing.
    #[serde(default)]
    optional: bool,
}

/// How a time is written.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// Seconds since the epoch: a number or its digits; fractions are dropped.
    #[default]
    Seconds,
    /// Milliseconds since the epoch, likewise.
    Milliseconds,
    /// RFC 3339; a zone in brackets behind it (RFC 9557) is not looked at.
    Iso,
}

fn nothing() -> HumanDuration {
    HumanDuration::secs(0)
}

impl Ends {
    /// When the session ends; `None` when nothing says so and nothing has to.
    ///
    /// # Errors
    /// `Rejected` when that was before `now`; `Upstream` when a time is missing or is none.
    pub(super) fn read(
        &self,
        document: &Value,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, ValidateError> {
        let mut earliest: Option<Timestamp> = None;
        for end in &self.0 {
            let Some(end) = end.read(document)? else { continue };
            earliest = Some(earliest.map_or(end, |other| other.min(end)));
        }
        match earliest {
            Some(end) if end <= now => Err(ValidateError::Rejected("session has ended")),
            end => Ok(end),
        }
    }
}

impl End {
    fn read(&self, document: &Value) -> Result<Option<Timestamp>, ValidateError> {
        let upstream = |rule: &str| ValidateError::Upstream(rule.to_owned());
        match self.at.find(document) {
            Some(value) => {
                let time = self.format.read(value).ok_or(upstream("session's end is no time"))?;
                Ok(Some(time.plus(self.plus.0)))
            }
            None if self.optional => Ok(None),
            None => Err(upstream("answer does not say when the session ends")),
        }
    }
}

impl Format {
    fn read(self, value: &Value) -> Option<Timestamp> {
        let secs = match self {
            Self::Seconds => number(value)?,
            Self::Milliseconds => number(value)?.div_euclid(1000),
            Self::Iso => iso_time::parse(value.as_str()?.split('[').next()?)?.secs(),
        };
        (0..=MAX_TIME).contains(&secs).then_some(Timestamp::from_secs(secs))
    }
}

/// A number or its digits, without the fraction.
#[expect(clippy::cast_possible_truncation, reason = "bounded before, and the fraction is to go")]
fn number(value: &Value) -> Option<i64> {
    const MAX: f64 = 1e15;
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64().filter(|f| (0.0..MAX).contains(f))?;
            Some(float as i64)
        }),
        Value::String(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

impl<'de> Deserialize<'de> for Ends {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Ends;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a member's name, a JSON pointer, { at, format, plus, optional } or a list",
                )
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Ends, E> {
                let at = Place::parse(text).map_err(E::custom)?;
                let end = End { at, format: Format::Seconds, plus: nothing(), optional: false };
                Ok(Ends(vec![end]))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Ends, A::Error> {
                let end = End::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Ends(vec![end]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Ends, A::Error> {
                let ends = Vec::<Ends>::deserialize(SeqAccessDeserializer::new(seq))?;
                let ends: Vec<End> = ends.into_iter().flat_map(|ends| ends.0).collect();
                if ends.is_empty() {
                    Err(A::Error::custom("must not be empty"))
                } else {
                    Ok(Ends(ends))
                }
            }
        }
        d.deserialize_any(OneOrMore)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn read(ends: Value, document: Value) -> Result<Option<i64>, ValidateError> {
        let ends: Ends = serde_json::from_value(ends).unwrap();
        Ok(ends.read(&document, NOW)?.map(Timestamp::secs))
    }

    #[test]
    fn every_way_of_writing_a_time_is_read() {
        for (format, value) in [
            ("seconds", json!(1_700_000_060)),
            ("seconds", json!(1_700_000_060.9)),
            ("seconds", json!("1700000060")),
            ("milliseconds", json!(1_700_000_060_999_i64)),
            ("milliseconds", json!("1700000060000")),
            ("iso", json!("2023-11-14T22:14:20Z")),
            ("iso", json!("2023-11-14T23:14:20.5+01:00[Europe/Zurich]")),
        ] {
            let end = json!({"at": "/session/end", "format": format});
            let document = json!({"session": {"end": value}});
            assert_eq!(read(end, document.clone()), Ok(Some(1_700_000_060)), "{document}");
        }
        assert_eq!(read(json!("exp"), json!({"exp": 1_700_000_060})), Ok(Some(1_700_000_060)));
    }

    #[test]
    fn an_end_is_computed_from_a_beginning() {
        let end = json!({"at": "_utime", "plus": "20h"});
        assert_eq!(read(end.clone(), json!({"_utime": 1_700_000_000})), Ok(Some(1_700_072_000)));
        let verdict = read(end, json!({"_utime": 1_699_928_000}));
        assert_eq!(verdict, Err(ValidateError::Rejected("session has ended")));
    }

    #[test]
    fn the_earliest_of_several_ends_counts() {
        let ends = json!(["exp", {"at": "seen", "plus": "1h", "optional": true}]);
        let idle = json!({"exp": 1_700_009_000, "seen": 1_700_000_000});
        assert_eq!(read(ends.clone(), idle), Ok(Some(1_700_003_600)));
        let never_seen = json!({"exp": 1_700_009_000, "seen": null});
        assert_eq!(read(ends.clone(), never_seen), Ok(Some(1_700_009_000)));
        let over = json!({"exp": 1_700_009_000, "seen": 1_699_996_400});
        assert_eq!(read(ends, over), Err(ValidateError::Rejected("session has ended")));
    }

    #[test]
    fn no_time_is_not_for_ever() {
        for document in [json!({}), json!({"exp": null}), json!([])] {
            let verdict = read(json!("exp"), document.clone());
            assert!(matches!(verdict, Err(ValidateError::Upstream(_))), "{document}");
            let optional = json!({"at": "exp", "optional": true});
            assert_eq!(read(optional, document), Ok(None));
        }
        for exp in [
            json!("soon"),
            json!(""),
            json!(-1),
            json!(true),
            json!(1_u64 << 60),
            json!(1e30),
            json!("1e9"),
            json!([1]),
        ] {
            let optional = json!({"at": "exp", "optional": true});
            let verdict = read(optional, json!({"exp": exp}));
            assert!(matches!(verdict, Err(ValidateError::Upstream(_))), "{exp}");
        }
    }

    #[test]
    fn a_table_that_says_nothing_is_refused() {
        for table in [
            json!(""),
            json!([]),
            json!({"plus": "1h"}),
            json!({"at": "a", "plus": "soon"}),
            json!({"at": "a", "format": "stardate"}),
            json!({"at": "a", "minus": "1h"}),
        ] {
            assert!(serde_json::from_value::<Ends>(table.clone()).is_err(), "{table}");
        }
    }
}
