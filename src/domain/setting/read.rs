//! Reading one settings type strictly, going on behind each problem. Called by `config` and
//! the parts through `domain::setting`; must never quote a value, which may be a secret.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Problems, join};

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
        Some((_, expected)) if quotes => format!("must be {}", plain(expected)),
        _ if message == "invalid socket address syntax" => format!("must be {ADDRESS}"),
        _ => message,
    }
}

const ADDRESS: &str = "an address and a port, such as \"127.0.0.1:8080\"";

/// What serde calls by Rust's names, in words.
fn plain(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number up to 255",
        "u16" => "a whole number up to 65535",
        "u32" => "a whole number up to 4294967295",
        "u64" | "usize" => "a whole number that is not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a string" => "a text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "a table",
        "socket address" => ADDRESS,
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
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
