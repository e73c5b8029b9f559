//! How a part's `Settings` type is read from configuration text: strictly, with every
//! problem collected under its key path instead of stopping at the first. The parts
//! define their settings with these; `config` calls them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use zeroize::Zeroizing;

use super::SecretString;

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
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Notes a problem.
    pub fn push(&mut self, path: impl Into<String>, message: impl fmt::Display) {
        self.0.push(Problem { path: path.into(), message: message.to_string() });
    }

    /// Notes the error, if it is one, and answers the value, if there is one.
    pub fn ok<T, E: fmt::Display>(&mut self, path: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|e| self.push(path, e)).ok()
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them, in the order they were found.
    #[must_use]
    pub fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}

/// Reads a settings type (with `deny_unknown_fields`) from `value`, which stands at `path`.
/// Goes on behind each problem that has a key of its own, so that one pass reports all of them.
pub fn parse<T: DeserializeOwned>(value: Value, path: &str, problems: &mut Problems) -> Option<T> {
    let before = problems.len();
    let parsed = parse_partly(value, path, problems);
    parsed.filter(|_| problems.len() == before)
}

/// Like [`parse`], but answers what is left without the keys that are wrong, if that can be
/// read: to find what else is wrong, never to work with.
pub fn parse_partly<T: DeserializeOwned>(
    mut value: Value,
    path: &str,
    problems: &mut Problems,
) -> Option<T> {
    let before = problems.len();
    let mut gone = Gone::default();
    loop {
        match serde_path_to_error::deserialize::<_, T>(&value) {
            Ok(parsed) => return Some(parsed),
            Err(error) => {
                let inner = error.path().clone();
                let message = error.into_inner().to_string();
                let keys: Vec<String> = inner.iter().map(segment).collect();
                if message.starts_with("invalid type: string") && read_scalar(&mut value, &keys) {
                    continue;
                }
                let key = gone.written(path, &keys);
                let consequence = message.starts_with("missing field") && problems.len() > before;
                if !consequence {
                    problems.push(&key, unquoted(message));
                }
                if keys.is_empty() || !remove(&mut value, &keys) {
                    return None;
                }
                gone.note(&key);
            }
        }
    }
}

/// What has been taken out of the value so far, so that a list's later items are still told
/// by the places where they are written.
#[derive(Default)]
struct Gone(Vec<(String, usize)>);

impl Gone {
    fn note(&mut self, key: &str) {
        if let Some((list, Ok(item))) = key.rsplit_once('.').map(|(l, i)| (l, i.parse())) {
            self.0.push((list.to_owned(), item));
            self.0.sort_unstable();
        }
    }

    /// The key as it is written, of keys into what is left.
    fn written(&self, path: &str, keys: &[String]) -> String {
        keys.iter().fold(path.to_owned(), |at, key| {
            let items = self.0.iter().filter(|(list, _)| *list == at).map(|(_, item)| *item);
            match key.parse::<usize>() {
                Ok(left) => {
                    let item = items.fold(left, |n, gone| n + usize::from(gone <= n));
                    join(&at, &item.to_string())
                }
                Err(_) => join(&at, key),
            }
        })
    }
}

/// The message without what stood in the configuration: serde quotes a value of the wrong type,
/// and that may be a secret in a place that is not made for one.
fn unquoted(message: String) -> String {
    let quotes = message.starts_with("invalid type: ") || message.starts_with("invalid value: ");
    match message.rsplit_once(", expected ") {
        Some((_, expected)) if quotes => format!("must be {expected}"),
        _ => message,
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

fn segment(segment: &serde_path_to_error::Segment) -> String {
    match segment {
        serde_path_to_error::Segment::Seq { index } => index.to_string(),
        serde_path_to_error::Segment::Map { key } => key.clone(),
        serde_path_to_error::Segment::Enum { variant } => variant.clone(),
        serde_path_to_error::Segment::Unknown => "?".to_owned(),
    }
}

/// Environment variables are texts: one that stands where a number or a boolean belongs is
/// read as one. `false` when it is none.
fn read_scalar(value: &mut Value, keys: &[String]) -> bool {
    let Some(leaf) = walk(value, keys) else { return false };
    let scalar = leaf.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    match scalar {
        Some(scalar @ (Value::Number(_) | Value::Bool(_))) => {
            *leaf = scalar;
            true
        }
        _ => false,
    }
}

fn walk<'v>(value: &'v mut Value, keys: &[String]) -> Option<&'v mut Value> {
    keys.iter().try_fold(value, |at, key| match at {
        Value::Object(table) => table.get_mut(key),
        Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?),
        _ => None,
    })
}

fn remove(value: &mut Value, keys: &[String]) -> bool {
    let Some((last, parents)) = keys.split_last() else { return false };
    let Some(at) = walk(value, parents) else { return false };
    match at {
        Value::Object(table) => table.shift_remove(last).is_some(),
        Value::Array(items) => match last.parse::<usize>() {
            Ok(i) if i < items.len() => {
                items.remove(i);
                true
            }
            _ => false,
        },
        _ => false,
    }
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

/// Where a secret comes from: `"the text"` or `{ file = "/run/secrets/x" }` (one trailing
/// line break is cut off). Never shown.
#[derive(Clone)]
pub enum SecretSource {
    /// The secret itself.
    Value(SecretString),
    /// The file that holds it.
    File(PathBuf),
}

impl SecretSource {
    /// The secret.
    ///
    /// # Errors
    /// A text for [`Problems`] when the file cannot be read, is larger than 64 KiB, is not
    /// UTF-8, or the secret is empty.
    pub fn load(&self) -> Result<SecretString, String> {
        let secret = match self {
            Self::Value(secret) => secret.clone(),
            Self::File(path) => read_secret(path)?,
        };
        if secret.expose().is_empty() { Err("secret is empty".to_owned()) } else { Ok(secret) }
    }
}

fn read_secret(path: &Path) -> Result<SecretString, String> {
    let bytes = Zeroizing::new(
        std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?,
    );
    if bytes.len() > 64 * 1024 {
        return Err(format!("{} is larger than 64 KiB", path.display()));
    }
    let text =
        std::str::from_utf8(&bytes).map_err(|_| format!("{} is not UTF-8", path.display()))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(SecretString::new(text.strip_suffix('\r').unwrap_or(text)))
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => f.write_str("[redacted]"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = SecretSource;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a secret text or { file = \"path\" }")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SecretSource, E> {
                Ok(SecretSource::Value(SecretString::new(text)))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                map: A,
            ) -> Result<SecretSource, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Table {
                    file: PathBuf,
                }
                Table::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    .map(|t| SecretSource::File(t.file))
            }
        }
        // A number or boolean here would be quoted in serde's error: refuse it ourselves.
        struct Guarded(Option<SecretSource>);
        impl<'de> Deserialize<'de> for Guarded {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let value = Value::deserialize(d)?;
                Ok(Self(match value {
                    Value::String(_) | Value::Object(_) => value.deserialize_any(Visitor).ok(),
                    _ => None,
                }))
            }
        }
        Guarded::deserialize(d)?
            .0
            .ok_or_else(|| serde::de::Error::custom("must be a text or { file = \"path\" }"))
    }
}

#[cfg(test)]
mod tests;
