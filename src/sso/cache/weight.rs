//! What a verdict weighs in memory: an estimate from above, for the bound on all of them.

use serde_json::Value;

use super::verdicts::OVERHEAD;
use crate::domain::{Attributes, Verified};

/// Beside a text or a map's member: its own three words, allocator and index.
const PIECE: usize = 64;

/// The bytes of a positive verdict and its place.
pub(super) fn of(who: &Verified) -> usize {
    let accounts: usize = who
        .accounts
        .iter()
        .map(|a| 2 * PIECE + a.id.as_str().len() + a.user_id.as_ref().map_or(0, String::len))
        .sum();
    OVERHEAD
        + size_of::<Verified>()
        + text(who.subject.as_str())
        + who.user_id.as_deref().map_or(0, text)
        + who.session_id.as_deref().map_or(0, text)
        + who.roles.iter().map(|role| text(role)).sum::<usize>()
        + accounts
        + members(&who.attributes)
}

fn text(text: &str) -> usize {
    PIECE + text.len()
}

fn members(map: &Attributes) -> usize {
    map.iter().map(|(name, value)| text(name) + of_value(value)).sum()
}

/// As deep as the JSON parser goes, which is bounded.
fn of_value(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::String(content) => text(content),
            Value::Array(items) => PIECE + items.iter().map(of_value).sum::<usize>(),
            Value::Object(map) => PIECE + members(map),
        }
}
