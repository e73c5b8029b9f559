//! Which member of a JSON document says what: turns a token's claims (`jwt`) or an
//! endpoint's answer (`http`) into a [`Verified`]. Reads only what the configuration
//! points at, bounds all of it, and decides nothing about time.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::roles::Roles;
use crate::domain::{AccountId, AssertedAccount, Attributes, Subject, Verified};

/// The most accounts that are taken from one document.
const MAX_ACCOUNTS: usize = 64;
/// The longest text that is taken, in bytes.
pub(super) const MAX_TEXT: usize = 1024;

/// Where a fact stands: the name of a top-level member, or a JSON pointer (RFC 6901)
/// when it begins with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place(String);

impl Place {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// What the configuration says.
    ///
    /// # Errors
    /// A text for the configuration's problems.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() { Err("must not be empty") } else { Ok(Self::new(text)) }
    }

    /// What stands there; `null` counts as absent.
    pub(super) fn find<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        let found =
            if self.0.starts_with('/') { document.pointer(&self.0) } else { document.get(&self.0) };
        found.filter(|value| !value.is_null())
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

/// What is read from where. The defaults are those of the `jwt` kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Mapping {
    /// A text or a whole number.
    pub(super) subject: Place,
    /// A text or a whole number.
    pub(super) user_id: Option<Place>,
    /// A list of texts, or one text of several.
    pub(super) roles: Option<Roles>,
    /// A list of account ids or of `{"id", "user_id"}`, or one account id.
    pub(super) accounts: Option<Place>,
    /// A text.
    pub(super) session_id: Option<Place>,
    /// What else is kept, by the name it is kept under.
    pub(super) attributes: BTreeMap<String, Place>,
}

impl Default for Mapping {
    fn default() -> Self {
        Self {
            subject: Place::new("sub"),
            user_id: None,
            roles: Some(Roles::new("roles")),
            accounts: Some(Place::new("accounts")),
            session_id: Some(Place::new("sid")),
            attributes: BTreeMap::new(),
        }
    }
}

impl Mapping {
    /// Reads the document.
    ///
    /// # Errors
    /// The rule that the document breaks. Only the subject must be there.
    pub(super) fn apply(&self, document: &Value) -> Result<Verified, &'static str> {
        let at = |place: &Option<Place>| place.as_ref().and_then(|p| p.find(document));
        let subject = self.subject.find(document).ok_or("subject is missing")?;
        let subject = text(subject).and_then(|s| Subject::parse(&s).ok());
        let mut who = Verified::subject_only(subject.ok_or("subject has a wrong shape")?);
        who.user_id =
            at(&self.user_id).map(|v| text(v).ok_or("user id has a wrong shape")).transpose()?;
        who.session_id = at(&self.session_id)
            .map(|v| text(v).ok_or("session id has a wrong shape"))
            .transpose()?;
        if let Some(roles) = &self.roles {
            who.roles = roles.read(document)?;
        }
        if let Some(value) = at(&self.accounts) {
            who.accounts = accounts(value).ok_or("accounts have a wrong shape")?;
        }
        who.attributes = self.attributes(document);
        Ok(who)
    }

    fn attributes(&self, document: &Value) -> Attributes {
        let found = |(name, place): (&String, &Place)| {
            place.find(document).map(|value| (name.clone(), value.clone()))
        };
        self.attributes.iter().filter_map(found).collect()
    }
}

/// A text, or a whole number as text; identity systems use both for ids.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() && text.len() <= MAX_TEXT => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

fn accounts(value: &Value) -> Option<Vec<AssertedAccount>> {
    match value {
        Value::Array(items) if items.len() <= MAX_ACCOUNTS => items.iter().map(account).collect(),
        Value::Array(_) => None,
        one => account(one).map(|a| vec![a]),
    }
}

fn account(value: &Value) -> Option<AssertedAccount> {
    let (id, user_id) = match value {
        Value::Object(members) => (text(members.get("id")?)?, members.get("user_id")),
        id => (text(id)?, None),
    };
    let user_id = match user_id {
        None | Some(Value::Null) => None,
        Some(user_id) => Some(text(user_id)?),
    };
    Some(AssertedAccount { id: AccountId::parse(&id).ok()?, user_id })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn mapping() -> Mapping {
        serde_json::from_value(json!({
            "subject": "/user/id", "roles": "/realm_access/roles", "attributes": {"mail": "email"},
        }))
        .unwrap()
    }

    #[test]
    fn facts_are_found_by_name_or_pointer() {
        let who = mapping()
            .apply(&json!({
                "user": {"id": 17}, "realm_access": {"roles": ["a", "b"]}, "email": "x", "sid": "s",
                "accounts": ["1663", 7, {"id": "9", "user_id": "u"}],
            }))
            .unwrap();
        assert_eq!(who.subject.as_str(), "17");
        assert_eq!(who.roles, ["a", "b"]);
        assert_eq!(who.session_id.as_deref(), Some("s"));
        assert_eq!(who.attributes["mail"], "x");
        let ids: Vec<_> = who.accounts.iter().map(|a| a.id.as_str()).collect();
        assert_eq!(ids, ["1663", "7", "9"]);
        assert_eq!(who.accounts[2].user_id.as_deref(), Some("u"));
    }

    #[test]
    fn wrong_shapes_are_refused_not_skipped() {
        for (document, rule) in [
            (json!({}), "subject is missing"),
            (json!({"sub": null}), "subject is missing"),
            (json!({"sub": ""}), "subject has a wrong shape"),
            (json!({"sub": 1.5}), "subject has a wrong shape"),
            (json!({"sub": "a\nb"}), "subject has a wrong shape"),
            (json!({"sub": "a", "roles": {"admin": true}}), "roles have a wrong shape"),
            (json!({"sub": "a", "roles": ["x", 1]}), "roles have a wrong shape"),
            (json!({"sub": "a", "accounts": [{}]}), "accounts have a wrong shape"),
            (json!({"sub": "a", "accounts": vec!["x"; 65]}), "accounts have a wrong shape"),
            (json!({"sub": "a", "sid": ["x"]}), "session id has a wrong shape"),
        ] {
            assert_eq!(Mapping::default().apply(&document), Err(rule), "{document}");
        }
    }

    proptest! {
        #[test]
        fn no_document_panics(text in "[\\[\\]{}\",:a-z0-9/ ]{0,60}") {
            if let Ok(document) = serde_json::from_str::<Value>(&text) {
                let _ = Mapping::default().apply(&document);
                let _ = mapping().apply(&document);
            }
        }
    }
}
