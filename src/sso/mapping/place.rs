//! Where a fact about a session comes from: a member of its document, or a CEL expression. Read
//! with the configuration; [`Reader`] looks both up in one document.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

use super::super::expression::{Expression, Failed, Scope};
use crate::domain::Timestamp;

/// The name of a top-level member, or a JSON pointer (RFC 6901) when it begins with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Place(String);

impl Place {
    pub(in super::super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// What stands there; `null` counts as absent.
    pub(in super::super) fn find<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        let found =
            if self.0.starts_with('/') { document.pointer(&self.0) } else { document.get(&self.0) };
        found.filter(|value| !value.is_null())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        if text.is_empty() { Err(D::Error::custom("must not be empty")) } else { Ok(Self(text)) }
    }
}

/// A place, or `{ cel = "…" }`.
#[derive(Debug)]
pub(in super::super) enum Term {
    /// Costs a look-up.
    Place(Place),
    /// Costs the session as CEL values, and the evaluation.
    Cel(Box<Expression>),
}

impl Term {
    /// A member's name or a JSON pointer.
    pub(in super::super) fn place(text: &str) -> Self {
        Self::Place(Place::new(text))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place(place) => place.fmt(f),
            Self::Cel(expression) => f.write_str(expression.source()),
        }
    }
}

impl<'de> Deserialize<'de> for Term {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct TermVisitor;
        impl<'de> Visitor<'de> for TermVisitor {
            type Value = Term;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name, a JSON pointer, or { cel = \"expression\" }")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Term, E> {
                if text.is_empty() {
                    Err(E::custom("must not be empty"))
                } else {
                    Ok(Term::place(text))
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Term, A::Error> {
                match map.next_key::<String>()? {
                    Some(key) if key == "cel" => {}
                    _ => {
                        return Err(A::Error::custom("must be a text or { cel = \"expression\" }"));
                    }
                }
                let source: String = map.next_value()?;
                if map.next_key::<String>()?.is_some() {
                    return Err(A::Error::custom("must have \"cel\" only"));
                }
                let expression = Expression::compile(&source).map_err(A::Error::custom)?;
                Ok(Term::Cel(Box::new(expression)))
            }
        }
        d.deserialize_any(TermVisitor)
    }
}

/// One document, for all terms of a mapping. Makes CEL values of it when the first expression
/// asks, and never for places.
pub(in super::super) struct Reader<'d> {
    document: &'d Value,
    now: Timestamp,
    scope: OnceCell<Scope<'d>>,
}

impl<'d> Reader<'d> {
    pub(in super::super) fn new(document: &'d Value, now: Timestamp) -> Self {
        Self { document, now, scope: OnceCell::new() }
    }

    /// What the term says; `None` when it is absent or `null`.
    ///
    /// # Errors
    /// When an expression fails.
    pub(in super::super) fn find(&self, term: &Term) -> Result<Option<Cow<'d, Value>>, Failed> {
        match term {
            Term::Place(place) => Ok(place.find(self.document).map(Cow::Borrowed)),
            Term::Cel(expression) => Ok(expression.evaluate(self.scope())?.map(Cow::Owned)),
        }
    }

    /// What expressions see.
    pub(super) fn scope(&self) -> &Scope<'d> {
        self.scope.get_or_init(|| Scope::new(self.document, self.now))
    }
}
