//! How a part's `Settings` type is read from configuration text: strictly, with every
//! problem collected under its key path instead of stopping at the first. The parts
//! define their settings with these; `config` calls them.

mod read;
mod secret_source;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

pub use read::{parse, parse_partly};
pub use secret_source::SecretSource;

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, dotted: `validators.portal.timeout`.
    pub path: String,
    /// What is wrong with it: lower case, no full stop, no secret.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Everything that is wrong with the configuration.
#[derive(Debug, Default)]
pub struct Problems {
    causes: Vec<Problem>,
    /// What is only wrong because something else is.
    consequences: Vec<Problem>,
}

impl Problems {
    /// Notes a problem.
    pub fn push(&mut self, path: impl Into<String>, message: impl fmt::Display) {
        self.causes.push(Problem { path: path.into(), message: message.to_string() });
    }

    /// Notes that what the key names is not there: a problem of its own if nothing is defined by
    /// that name, and otherwise a consequence of what is wrong with that.
    pub fn push_absent(
        &mut self,
        path: impl Into<String>,
        defined: bool,
        message: impl fmt::Display,
    ) {
        let problem = Problem { path: path.into(), message: message.to_string() };
        if defined { &mut self.consequences } else { &mut self.causes }.push(problem);
    }

    /// Notes the error, if it is one, and answers the value, if there is one.
    pub fn ok<T, E: fmt::Display>(&mut self, path: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|e| self.push(path, e)).ok()
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.causes.len() + self.consequences.len()
    }

    /// What to tell, in the order it was found: the causes, and consequences only if there is none.
    #[must_use]
    pub fn into_vec(self) -> Vec<Problem> {
        if self.causes.is_empty() { self.consequences } else { self.causes }
    }
}

/// Takes the `kind` out of a tagged table.
pub fn take_kind(value: &mut Value, path: &str, problems: &mut Problems) -> Option<String> {
    match value.as_object_mut().and_then(|table| table.shift_remove("kind")) {
        Some(Value::String(kind)) => Some(kind),
        Some(_) => {
            problems.push(join(path, "kind"), "must be a text");
            None
        }
        None => {
            problems.push(join(path, "kind"), "is missing");
            None
        }
    }
}

/// `path` with one more key.
#[must_use]
pub fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A duration as people write it: `"90s"`, `"6h"`, `"30days"`; a bare number is seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HumanDuration(pub Duration);

impl HumanDuration {
    /// From whole seconds, for defaults.
    #[must_use]
    pub const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// From milliseconds, for defaults.
    #[must_use]
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = HumanDuration;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as \"90s\", \"6h\" or \"30days\"")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<HumanDuration, E> {
                if let Ok(secs) = text.parse() {
                    return self.visit_u64(secs);
                }
                humantime::parse_duration(text)
                    .map(HumanDuration)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
            fn visit_u64<E: serde::de::Error>(self, secs: u64) -> Result<HumanDuration, E> {
                Ok(HumanDuration(Duration::from_secs(secs)))
            }
            fn visit_i64<E: serde::de::Error>(self, secs: i64) -> Result<HumanDuration, E> {
                u64::try_from(secs)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(secs), &self))
                    .and_then(|secs| self.visit_u64(secs))
            }
        }
        d.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests;
