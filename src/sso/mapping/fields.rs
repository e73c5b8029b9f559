//! The `fields` table (`claims` for tokens): what the configuration says of a mapping. Every
//! kind that has one reads it with this; they differ in what they take for granted.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::denial::Denial;
use super::{Blame, Mapping, Term};
use crate::domain::claims;

/// The most expressions that one table may have as attributes and conditions, each.
const MAX_LISTED: usize = 64;

/// Where a document says what: member names, JSON pointers (RFC 6901) when they begin with `/`,
/// or `{ cel = "…" }`. Nothing is read unless the configuration says where it is, because what
/// else a session holds is the application's own business.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in super::super) struct Fields {
    pub(in super::super) subject: Option<Term>,
    user_id: Option<Term>,
    roles: Option<Term>,
    accounts: Option<Term>,
    pub(in super::super) session_id: Option<Term>,
    expires_at: Option<Term>,
    active: Option<Term>,
    attributes: BTreeMap<AttributeName, Term>,
    deny_if: Denials,
}

/// A table that must say where the subject is, because there is no place that it would always
/// have.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub(in super::super) struct NamedFields(Fields);

impl TryFrom<Fields> for NamedFields {
    type Error = &'static str;

    fn try_from(fields: Fields) -> Result<Self, &'static str> {
        if fields.subject.is_some() { Ok(Self(fields)) } else { Err("missing field `subject`") }
    }
}

impl Fields {
    /// The mapping, with the framework's own place for the subject where the table says none.
    pub(in super::super) fn mapping(self, subject: &str) -> Mapping {
        Mapping {
            subject: self.subject.unwrap_or_else(|| Term::place(subject)),
            user_id: self.user_id,
            roles: self.roles,
            accounts: self.accounts,
            session_id: self.session_id,
            expires_at: self.expires_at,
            active: self.active,
            attributes: self.attributes.into_iter().map(|(name, term)| (name.0, term)).collect(),
            deny_if: self.deny_if.0,
            blame: Blame::Credential,
            must_end: false,
            nobody: None,
        }
    }

    /// The mapping of a token's claims, where the usual names are taken for granted.
    pub(in super::super) fn claims(mut self) -> Mapping {
        self.roles.get_or_insert_with(|| Term::place("roles"));
        self.accounts.get_or_insert_with(|| Term::place("accounts"));
        self.session_id.get_or_insert_with(|| Term::place("sid"));
        self.mapping("sub")
    }
}

impl NamedFields {
    /// The mapping.
    pub(in super::super) fn mapping(self) -> Mapping {
        // The subject is there, so that the place is never used.
        self.0.mapping("sub")
    }
}

/// What an attribute may be called: it may become a claim, and never one of the token's own.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct AttributeName(String);

impl TryFrom<String> for AttributeName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if claims::is_reserved(&name) {
            return Err(format!(
                "attribute {name:?} has the name of a claim that tokens make themselves"
            ));
        }
        if name.is_empty() || name.len() > 128 || name.contains(char::is_control) {
            return Err("an attribute's name must be 1 to 128 printable bytes".to_owned());
        }
        Ok(Self(name))
    }
}

/// The conditions, at most [`MAX_LISTED`] of them.
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "Vec<Denial>")]
struct Denials(Vec<Denial>);

impl TryFrom<Vec<Denial>> for Denials {
    type Error = String;

    fn try_from(denials: Vec<Denial>) -> Result<Self, String> {
        if denials.len() > MAX_LISTED {
            return Err(format!("must be at most {MAX_LISTED}"));
        }
        Ok(Self(denials))
    }
}
