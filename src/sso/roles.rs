//! Where the roles stand, and how one text of several is taken apart. Part of the tables that
//! say which member of an answer or a session is what (`mapping`); bounds what it reads.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::mapping::{MAX_TEXT, Place};

/// The most roles that are taken from one document.
const MAX_ROLES: usize = 256;

/// `"roles"`, or `{ at = "groups", separator = ";" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Roles {
    at: Place,
    /// What stands between the roles of one text; blanks around them do not count.
    separator: String,
}

impl Roles {
    pub(super) fn new(at: &str) -> Self {
        Self::at(Place::new(at))
    }

    fn at(at: Place) -> Self {
        Self { at, separator: " ".to_owned() }
    }

    /// Reads them: a list of texts, each of them a role as it is, or one text of several.
    /// None at all is no error.
    ///
    /// # Errors
    /// The rule that the document breaks.
    pub(super) fn read(&self, document: &Value) -> Result<Vec<String>, &'static str> {
        let Some(value) = self.at.find(document) else { return Ok(Vec::new()) };
        self.parse(value).ok_or("roles have a wrong shape")
    }

    fn parse(&self, value: &Value) -> Option<Vec<String>> {
        let fits = |role: &str| role.len() <= MAX_TEXT && !role.chars().any(char::is_control);
        let roles: Vec<&str> = match value {
            Value::String(text) => {
                text.split(&self.separator).map(str::trim).filter(|role| !role.is_empty()).collect()
            }
            Value::Array(items) => items.iter().map(Value::as_str).collect::<Option<_>>()?,
            _ => return None,
        };
        (roles.len() <= MAX_ROLES && roles.iter().all(|role| fits(role)))
            .then(|| roles.into_iter().map(str::to_owned).collect())
    }
}

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct TextOrTable;
        impl<'de> Visitor<'de> for TextOrTable {
            type Value = Roles;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name, a JSON pointer or { at, separator }")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Roles, E> {
                Place::parse(text).map(Roles::at).map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Roles, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Table {
                    at: Place,
                    separator: String,
                }
                let Table { at, separator } = Table::deserialize(MapAccessDeserializer::new(map))?;
                if separator.is_empty() {
                    return Err(A::Error::custom("separator must not be empty"));
                }
                Ok(Roles { at, separator })
            }
        }
        d.deserialize_any(TextOrTable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(roles: Value, document: Value) -> Result<Vec<String>, &'static str> {
        serde_json::from_value::<Roles>(roles).unwrap().read(&document)
    }

    #[test]
    fn one_text_is_taken_apart_and_a_list_is_not() {
        let text = json!({"groups": " users;time lords; ;"});
        let by_semicolon = json!({"at": "groups", "separator": ";"});
        assert_eq!(read(by_semicolon.clone(), text).unwrap(), ["users", "time lords"]);
        let list = json!({"groups": ["users", "a; b"]});
        assert_eq!(read(by_semicolon, list).unwrap(), ["users", "a; b"]);
        assert_eq!(read(json!("groups"), json!({"groups": "a  b"})).unwrap(), ["a", "b"]);
        assert!(read(json!("groups"), json!({})).unwrap().is_empty());
    }

    #[test]
    fn what_holds_no_roles_is_refused() {
        for groups in
            [json!(7), json!({"a": 1}), json!(["a", 1]), json!("a\u{7}"), json!(vec!["a"; 257])]
        {
            assert!(read(json!("groups"), json!({"groups": groups})).is_err(), "{groups}");
        }
    }

    #[test]
    fn a_table_says_both() {
        for table in [json!({"at": "g"}), json!({"at": "g", "separator": ""}), json!(""), json!(7)]
        {
            assert!(serde_json::from_value::<Roles>(table).is_err());
        }
    }
}
