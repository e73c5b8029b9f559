//! What a mapping tells `explain`: what the document has, and what came of each field. Called
//! only while steps are kept; what belongs to the person is marked as such.

use serde_json::Value;

use super::{Mapping, Term};
use crate::domain::{Timestamp, Verified};
use crate::support::trace::{self, Fact};

impl Mapping {
    /// Notes what came of each field.
    pub(super) fn explain(&self, who: &Verified) {
        let field = |name: &'static str, term: &Term, value: Value| {
            trace::note("field", || {
                [
                    ("name", Fact::plain(name)),
                    ("from", Fact::plain(term.to_string())),
                    ("value", Fact::Personal(value)),
                ]
            });
        };
        field("subject", &self.subject, who.subject.as_str().into());
        let accounts = serde_json::to_value(&who.accounts).unwrap_or_default();
        for (name, term, value) in [
            ("user_id", &self.user_id, Value::from(who.user_id.as_deref())),
            ("roles", &self.roles, Value::from(who.roles.clone())),
            ("accounts", &self.accounts, accounts),
            ("session_id", &self.session_id, Value::from(who.session_id.as_deref())),
            ("expires_at", &self.expires_at, Value::from(who.expires_at.map(Timestamp::secs))),
        ] {
            if let Some(term) = term {
                field(name, term, value);
            }
        }
        for (name, term) in &self.attributes {
            let value = who.attributes.get(name).cloned().unwrap_or_default();
            trace::note("field", || {
                [
                    ("name", Fact::plain(format!("attributes.{name}"))),
                    ("from", Fact::plain(term.to_string())),
                    ("value", Fact::Personal(value)),
                ]
            });
        }
    }
}

/// The names of the document's top-level members, and of what type they are.
pub(super) fn outline(document: &Value) -> Value {
    let kind = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    };
    match document {
        Value::Object(members) => {
            let entry = |(name, value): (&String, &Value)| (name.clone(), Value::from(kind(value)));
            members.iter().map(entry).collect()
        }
        other => kind(other).into(),
    }
}
