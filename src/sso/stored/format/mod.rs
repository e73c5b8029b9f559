//! How applications write a session: [`FormatName`] names the format, `decode` reads it as JSON
//! values. What stands in a store is data and nothing else: no format here can construct, call
//! or load anything. Bytes that are no text become `{"base64": …}`, so that they are there
//! and are nobody's name.

mod laravel;
mod msgpack;
mod opcodes;
mod php;
mod pickle;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

/// The deepest nesting that is read.
const MAX_DEPTH: usize = 32;

/// What is wrong with a session: a rule for logs.
type Broken = &'static str;

/// A session's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FormatName {
    /// A JSON object.
    Json,
    /// Django's `session_data`: signed JSON. Opened by `login`.
    Django,
    /// PHP's `session.serialize_handler = php`.
    Php,
    /// PHP's `session.serialize_handler = php_serialize`.
    PhpSerialize,
    /// Laravel's stores: PHP's `serialize` or JSON in one more wrapping.
    Laravel,
    /// MessagePack (Flask-Session).
    Msgpack,
    /// Python's pickle, of plain data only (Django's cache).
    Pickle,
    /// No data: the columns of the query are the session.
    Columns,
}

impl FormatName {
    /// Reads a session; the value is an object.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub(super) fn decode(self, data: &[u8]) -> Result<Value, Broken> {
        let value = match self {
            Self::Json => serde_json::from_slice(data).map_err(|_| "session is not JSON")?,
            Self::Php => php::session(data)?,
            Self::PhpSerialize => php::value(data)?,
            Self::Laravel => laravel::session(data)?,
            Self::Msgpack => msgpack::value(data)?,
            Self::Pickle => pickle::value(data)?,
            Self::Django | Self::Columns => return Err("session has another format"),
        };
        object(value)
    }
}

/// PHP has one type for lists and objects: a session without members is an empty list.
fn object(value: Value) -> Result<Value, Broken> {
    match value {
        Value::Object(_) => Ok(value),
        Value::Array(items) if items.is_empty() => Ok(json!({})),
        _ => Err("session is no object"),
    }
}

/// A text, or bytes that are none.
fn text_or_bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

/// A number, or the word for what is none in JSON.
fn float(number: f64) -> Value {
    match serde_json::Number::from_f64(number) {
        Some(number) => Value::Number(number),
        None => Value::String(number.to_string()),
    }
}

#[cfg(test)]
mod tests;
