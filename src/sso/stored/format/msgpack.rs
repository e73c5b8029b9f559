//! MessagePack, as Flask-Session writes it (msgspec). Extension types are kept as bytes: a
//! timestamp is nobody's name.

use rmpv::{Value as Packed, decode};
use serde_json::{Map, Value, json};

use super::{Broken, MAX_DEPTH, float, text_or_bytes};

/// One packed value and nothing behind it.
pub(super) fn value(data: &[u8]) -> Result<Value, Broken> {
    let mut rest = data;
    // The library counts a level for a container and one for what is in it.
    let packed = decode::read_value_with_max_depth(&mut rest, 2 * MAX_DEPTH);
    let packed = packed.map_err(|_| "session is not messagepack")?;
    if rest.is_empty() { plain(packed) } else { Err("session has more behind its end") }
}

fn plain(packed: Packed) -> Result<Value, Broken> {
    Ok(match packed {
        Packed::Nil => Value::Null,
        Packed::Boolean(is) => is.into(),
        Packed::Integer(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => number.into(),
            (_, Some(number)) => number.into(),
            _ => return Err("a number is too large"),
        },
        Packed::F32(number) => float(number.into()),
        Packed::F64(number) => float(number),
        Packed::String(text) => text_or_bytes(text.as_bytes()),
        Packed::Binary(bytes) => json!({ "base64": text_of(&bytes) }),
        Packed::Ext(_, bytes) => json!({ "base64": text_of(&bytes) }),
        Packed::Array(items) => items.into_iter().map(plain).collect::<Result<_, _>>()?,
        Packed::Map(members) => {
            let mut object = Map::new();
            for (name, value) in members {
                object.insert(key(name)?, plain(value)?);
            }
            Value::Object(object)
        }
    })
}

fn key(name: Packed) -> Result<String, Broken> {
    match name {
        Packed::String(text) => text.into_str().ok_or("a key is no text"),
        Packed::Integer(number) => Ok(number.to_string()),
        _ => Err("a key is no text"),
    }
}

fn text_of(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
