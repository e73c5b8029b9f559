//! Between JSON and CEL values. Whole numbers become `int` where they fit, so that they can be
//! calculated with; texts are borrowed from the document. Depth is bounded by the JSON parser's.

use std::collections::HashMap;

use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
};
use cel::common::value::Val;
use cel::objects::OptionalValue;
use serde_json::{Map, Value};

/// A document as CEL sees it.
pub(super) fn to_cel<'d>(value: &'d Value) -> Box<dyn Val + 'd> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(truth) => Box::new(CelBool::from(*truth)),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => Box::new(CelInt::from(int)),
            (None, Some(uint)) => Box::new(CelUInt::from(uint)),
            _ => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        },
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(items) => {
            let items: Vec<Box<dyn Val + 'd>> = items.iter().map(to_cel).collect();
            Box::new(CelList::from(items))
        }
        Value::Object(members) => {
            let entry = |(name, value): (&'d String, &'d Value)| {
                (CelMapKey::from(name.as_str()), to_cel(value))
            };
            let members: HashMap<CelMapKey<'d>, Box<dyn Val + 'd>> =
                members.iter().map(entry).collect();
            Box::new(CelMap::from(members))
        }
    }
}

/// A result as JSON; `Some(None)` is `null` or an empty optional. `None` when it is neither:
/// bytes, a number that JSON has not, a key that is no text.
pub(super) fn from_cel(value: &cel::Value) -> Option<Option<Value>> {
    Some(match value {
        cel::Value::Null => None,
        cel::Value::Opaque(opaque) => match opaque.downcast_ref::<OptionalValue>()?.value() {
            Some(value) => from_cel(value)?,
            None => None,
        },
        other => Some(some_from_cel(other)?),
    })
}

fn some_from_cel(value: &cel::Value) -> Option<Value> {
    Some(match value {
        cel::Value::Bool(truth) => Value::Bool(*truth),
        cel::Value::Int(int) => Value::from(*int),
        cel::Value::UInt(uint) => Value::from(*uint),
        cel::Value::Float(float) => serde_json::Number::from_f64(*float).map(Value::Number)?,
        cel::Value::String(text) => Value::String(text.as_ref().clone()),
        cel::Value::List(items) => {
            let item = |item| from_cel(item).map(|value| value.unwrap_or(Value::Null));
            Value::Array(items.iter().map(item).collect::<Option<_>>()?)
        }
        cel::Value::Map(entries) => {
            let mut members = Map::new();
            for (key, value) in entries.map.iter() {
                let cel::objects::Key::String(name) = key else { return None };
                members.insert(name.as_ref().clone(), from_cel(value)?.unwrap_or(Value::Null));
            }
            // A map has no order of its own; a token's claims should have one.
            members.sort_keys();
            Value::Object(members)
        }
        _ => return None,
    })
}
