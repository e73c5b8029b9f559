//! What must stand in an answer for it to be about the right kind of session (`expect`): a store
//! may hold more than log-ins under the same look-up, and some endpoints say "no" with a 200.
//! Part of the tables of the kinds that ask (`http`, `cas`). Compares, and decides nothing else.

use std::collections::BTreeMap;
use std::mem::discriminant;

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::ValidateError;
use super::mapping::Place;
use crate::support::trace::{self, Fact};

/// Member names or JSON pointers, each with the value or the values of which one must stand
/// there.
#[derive(Debug, Clone, Default)]
pub(super) struct Expectations(Vec<(Place, Vec<Value>)>);

impl Expectations {
    /// Holds the answer to them.
    ///
    /// # Errors
    /// `Rejected` when another value or none stands there; `Upstream` when one of another type
    /// does, which is no answer to the question.
    pub(super) fn check(&self, document: &Value) -> Result<(), ValidateError> {
        let nonsense = |rule: &str| Err(ValidateError::Upstream(rule.to_owned()));
        if !self.0.is_empty() && !document.is_object() && !document.is_array() {
            return nonsense("answer has no members");
        }
        for (place, wanted) in &self.0 {
            let found = place.find(document);
            trace::note("expect", || {
                let holds = found.is_some_and(|found| wanted.contains(found));
                [("at", Fact::plain(place.to_string())), ("holds", Fact::plain(holds))]
            });
            let Some(found) = found else {
                return Err(ValidateError::Rejected("answer lacks what is expected of a session"));
            };
            if wanted.contains(found) {
                continue;
            }
            if wanted.iter().any(|want| discriminant(want) == discriminant(found)) {
                return Err(ValidateError::Rejected("answer is not that of an expected session"));
            }
            return nonsense("expected member has another type");
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Expectations {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let table = BTreeMap::<String, Value>::deserialize(d)?;
        let expectation = |(place, wanted): (String, Value)| {
            if place.is_empty() {
                return Err(D::Error::custom("a place must not be empty"));
            }
            let wanted = match wanted {
                Value::Array(values) => values,
                value => vec![value],
            };
            let plain = |value: &Value| value.is_string() || value.is_boolean() || value.is_i64();
            if wanted.is_empty() || !wanted.iter().all(plain) {
                return Err(D::Error::custom(
                    "must be a text, a whole number, a boolean or a list of them",
                ));
            }
            Ok((Place::new(&place), wanted))
        };
        table.into_iter().map(expectation).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn verdict(expect: Value, document: Value) -> &'static str {
        let expect: Expectations = serde_json::from_value(expect).unwrap();
        match expect.check(&document) {
            Ok(()) => "verified",
            Err(ValidateError::Rejected(_)) => "rejected",
            Err(ValidateError::Upstream(_)) => "upstream",
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn one_of_the_values_must_stand_there() {
        let kind = json!({"_session_kind": "SSO"});
        for (document, want) in [
            (json!({"_session_kind": "SSO"}), "verified"),
            (json!({"_session_kind": "CAS"}), "rejected"),
            (json!({"_session_kind": "sso"}), "rejected"),
            (json!({"_session_kind": null}), "rejected"),
            (json!({}), "rejected"),
            (json!({"_session_kind": 1}), "upstream"),
            (json!({"_session_kind": ["SSO"]}), "upstream"),
            (json!("SSO"), "upstream"),
            (json!([]), "rejected"),
        ] {
            assert_eq!(verdict(kind.clone(), document.clone()), want, "{document}");
        }
        let several = json!({"/user/state": ["active", "trial"], "level": [2, 3]});
        for (state, level, want) in [
            ("active", 2, "verified"),
            ("trial", 3, "verified"),
            ("trial", 1, "rejected"),
            ("x", 2, "rejected"),
        ] {
            let document = json!({"user": {"state": state}, "level": level});
            assert_eq!(verdict(several.clone(), document), want);
        }
        assert_eq!(verdict(json!({}), json!({})), "verified");
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        for wanted in [json!(null), json!([]), json!({"a": 1}), json!([["a"]]), json!(1.5)] {
            let table = json!({"a": wanted});
            assert!(serde_json::from_value::<Expectations>(table.clone()).is_err(), "{table}");
        }
        assert!(serde_json::from_value::<Expectations>(json!({"": "a"})).is_err());
    }
}
