//! Laravel's session stores: the session itself is PHP's `serialize` of an array, or JSON
//! (`session.serialization`). A cache (Redis) wraps that in `serialize` of a text once more, the
//! database driver in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Broken, php};

/// Takes the wrapping off and reads the session.
pub(super) fn session(data: &[u8]) -> Result<Value, Broken> {
    if data.starts_with(b"s:") {
        return match php::value(data)? {
            Value::String(inner) => inside(inner.as_bytes()),
            _ => Err("session is no text"),
        };
    }
    let inner = STANDARD.decode(data).map_err(|_| "session is neither serialized nor base64")?;
    inside(&inner)
}

fn inside(data: &[u8]) -> Result<Value, Broken> {
    if data.starts_with(b"{") || data.starts_with(b"[") {
        return serde_json::from_slice(data).map_err(|_| "session is not JSON");
    }
    php::value(data)
}
