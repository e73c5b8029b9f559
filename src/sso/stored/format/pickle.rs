//! Python's pickle, as Django's cache backends write sessions. `opcodes` lets plain data alone
//! pass; a library that has no way to call anything reads it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use serde_pickle::{DeOptions, HashableValue, Value as Pickled, value_from_slice};

use super::{Broken, float, opcodes};

/// One pickled value.
pub(super) fn value(data: &[u8]) -> Result<Value, Broken> {
    opcodes::check(data)?;
    let pickled = value_from_slice(data, DeOptions::new());
    plain(pickled.map_err(|_| "session is not a pickle")?)
}

fn plain(pickled: Pickled) -> Result<Value, Broken> {
    Ok(match pickled {
        Pickled::None => Value::Null,
        Pickled::Bool(is) => is.into(),
        Pickled::I64(number) => number.into(),
        Pickled::Int(_) => return Err("a number is too large"),
        Pickled::F64(number) => float(number),
        Pickled::Bytes(bytes) => json!({ "base64": STANDARD.encode(bytes) }),
        Pickled::String(text) => text.into(),
        Pickled::List(items) | Pickled::Tuple(items) => {
            items.into_iter().map(plain).collect::<Result<_, _>>()?
        }
        Pickled::Set(items) | Pickled::FrozenSet(items) => {
            items.into_iter().map(|item| plain(item.into_value())).collect::<Result<_, _>>()?
        }
        Pickled::Dict(members) => {
            let mut object = Map::new();
            for (name, value) in members {
                object.insert(key(name)?, plain(value)?);
            }
            Value::Object(object)
        }
    })
}

fn key(name: HashableValue) -> Result<String, Broken> {
    match name {
        HashableValue::String(text) => Ok(text),
        HashableValue::I64(number) => Ok(number.to_string()),
        _ => Err("a key is no text"),
    }
}
