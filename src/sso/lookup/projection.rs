//! [`Projection`]: what of a document means what. For account directories, whose documents other
//! systems make.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::mapping::{Reader, Term};
use super::LookupError;
use crate::domain::Timestamp;

/// Which member of a result comes from where in a document: a member's name, a JSON pointer, or
/// `{ cel = "…" }`, where the document is `session`.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Projection(BTreeMap<String, Term>);

impl Projection {
    /// The names of the members that it makes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The members that are there; `null` is not.
    ///
    /// # Errors
    /// [`LookupError::Upstream`] when an expression fails.
    pub fn apply(
        &self,
        document: &Value,
        now: Timestamp,
    ) -> Result<Map<String, Value>, LookupError> {
        let reader = Reader::new(document, now);
        let mut members = Map::new();
        for (name, term) in &self.0 {
            let found = reader.find(term);
            let found = found.map_err(|failed| LookupError::Upstream(failed.0.to_owned()))?;
            members.extend(found.map(|value| (name.clone(), value.into_owned())));
        }
        Ok(members)
    }
}
