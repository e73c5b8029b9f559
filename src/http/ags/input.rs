//! The body of an AGS call: `parameters`, and the device of a sign-on. Held to what
//! discovery says is mandatory.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::domain::DeviceId;
use crate::exchange::DeviceInput;
use crate::exchange::tenant::Endpoint;
use crate::http::HttpError;

/// More parameters than any discovery document lists.
const MAX_PARAMETERS: usize = 64;
/// The most that is kept of `deviceInformation`, in bytes of JSON.
const MAX_DEVICE_INFORMATION: usize = 4096;
/// What is kept of it (contract B.3); members differ between releases.
const KEPT: [&str; 3] = ["deviceType", "playoutDeviceClass", "securePlayer"];
const KEPT_OF_DEVICE: [&str; 3] = ["screen", "hardware", "OS"];

/// A call's body, its shape checked.
#[derive(Debug, Deserialize)]
pub(super) struct Input<'a> {
    #[serde(borrow)]
    parameters: Vec<Object<Parameter<'a>>>,
    #[serde(rename = "deviceInformation", default)]
    device_information: Option<Value>,
    #[serde(rename = "clientId", borrow, default)]
    client_id: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
struct Parameter<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    value: Cow<'a, str>,
}

/// A JSON object and nothing else: the types that serde derives take an array of the members'
/// values, too, which is not the contract's shape.
#[derive(Debug)]
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        d.deserialize_map(Members(PhantomData))
    }
}

impl<'a> Input<'a> {
    /// Parses a body and holds it to the call's table, if discovery lists the call.
    ///
    /// # Errors
    /// 400: not JSON of this shape, or a mandatory parameter missing, empty or doubled.
    pub(super) fn parse(bytes: &'a [u8], endpoint: Option<&Endpoint>) -> Result<Self, HttpError> {
        if bytes.is_empty() {
            return Err(HttpError::bad_request("body is empty"));
        }
        // The parser's text says where, and may quote a token: line and column are enough.
        let Object(input): Object<Self> = serde_json::from_slice(bytes).map_err(|e| {
            let what = if e.is_data() { "body has the wrong shape" } else { "body is not json" };
            HttpError::bad_request(format!("{what} (line {}, column {})", e.line(), e.column()))
        })?;
        if input.parameters.len() > MAX_PARAMETERS {
            return Err(HttpError::bad_request("too many parameters"));
        }
        for property in endpoint.iter().flat_map(|e| &e.parameters).filter(|p| p.mandatory) {
            input.required(&property.name)?;
        }
        Ok(input)
    }

    /// The value of the one parameter of this name, in any case.
    ///
    /// # Errors
    /// 400 when it is missing, empty or sent twice.
    pub(super) fn required(&self, name: &str) -> Result<&str, HttpError> {
        match self.single(name)? {
            Some("") => Err(HttpError::bad_request(format!("parameter {name} is empty"))),
            Some(value) => Ok(value),
            None => Err(HttpError::bad_request(format!("parameter {name} is missing"))),
        }
    }

    /// The same of one that a call may do without: `None` when it is missing or empty.
    ///
    /// # Errors
    /// 400 when it is sent twice.
    pub(super) fn optional(&self, name: &str) -> Result<Option<&str>, HttpError> {
        Ok(self.single(name)?.filter(|value| !value.is_empty()))
    }

    fn single(&self, name: &str) -> Result<Option<&str>, HttpError> {
        let parameters = self.parameters.iter().map(|Object(parameter)| parameter);
        let mut named = parameters.filter(|p| p.name.eq_ignore_ascii_case(name));
        let first = named.next();
        if named.next().is_some() {
            return Err(HttpError::bad_request(format!("parameter {name} is sent more than once")));
        }
        Ok(first.map(|parameter| &*parameter.value))
    }

    /// The device of a sign-on: exactly one of `deviceInformation` and `clientId`.
    ///
    /// # Errors
    /// 400 when there are both or neither, or the one has the wrong shape.
    pub(super) fn device(&self) -> Result<DeviceInput, HttpError> {
        match (&self.device_information, &self.client_id) {
            (Some(Value::Object(information)), None) => keep(information),
            (None, Some(id)) => DeviceId::parse(id)
                .map(DeviceInput::Existing)
                .map_err(|e| HttpError::bad_request(format!("clientId: {e}"))),
            (Some(_), None) => Err(HttpError::bad_request("deviceInformation is not an object")),
            _ => Err(HttpError::bad_request(
                "exactly one of deviceInformation and clientId is needed",
            )),
        }
    }
}

fn keep(information: &Map<String, Value>) -> Result<DeviceInput, HttpError> {
    let pick = |from: &Map<String, Value>, names: &[&str]| -> Map<String, Value> {
        names.iter().filter_map(|n| Some(((*n).to_owned(), from.get(*n)?.clone()))).collect()
    };
    let mut kept = pick(information, &KEPT);
    if let Some(Value::Object(device)) = information.get("device") {
        kept.insert("device".to_owned(), Value::Object(pick(device, &KEPT_OF_DEVICE)));
    }
    let class = match kept.get("playoutDeviceClass") {
        Some(Value::String(class)) if class.len() <= 64 => Some(class.clone()),
        None | Some(Value::Null) => None,
        Some(_) => return Err(HttpError::bad_request("playoutDeviceClass is not a short text")),
    };
    let json = Value::Object(kept).to_string();
    if json.len() > MAX_DEVICE_INFORMATION {
        return Err(HttpError::bad_request("deviceInformation is too large"));
    }
    Ok(DeviceInput::New { class, information: json })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn device(body: &str) -> Option<DeviceInput> {
        Input::parse(body.as_bytes(), None).ok()?.device().ok()
    }

    #[test]
    fn exactly_one_device_form_is_taken() {
        assert!(device(r#"{"parameters":[],"clientId":"PUB_1"}"#).is_some());
        assert!(device(r#"{"parameters":[],"deviceInformation":{}}"#).is_some());
        assert!(device(r#"{"parameters":[],"deviceInformation":null,"clientId":"x"}"#).is_some());
        assert!(device(r#"{"parameters":[]}"#).is_none());
        assert!(device(r#"{"parameters":[],"deviceInformation":{},"clientId":"x"}"#).is_none());
        assert!(device(r#"{"parameters":[],"deviceInformation":[]}"#).is_none());
        assert!(device(r#"{"parameters":[],"clientId":""}"#).is_none());
    }

    #[test]
    fn only_the_known_device_members_are_kept() {
        let body = r#"{"parameters":[],"deviceInformation":{"deviceType":"STB","secret":"x",
            "device":{"OS":{"name":"a"},"serial":"y"},"playoutDeviceClass":"Big"}}"#;
        let Some(DeviceInput::New { class, information: json }) = device(body) else { panic!() };
        assert_eq!(class.as_deref(), Some("Big"));
        assert_eq!(
            json,
            r#"{"deviceType":"STB","playoutDeviceClass":"Big","device":{"OS":{"name":"a"}}}"#
        );
    }

    #[test]
    fn parameters_match_in_any_case_and_never_twice() {
        let bytes = br#"{"parameters":[{"name":"SESSIONtoken","value":"v"},
            {"name":"x","value":"1"},{"name":"X","value":"2"},{"name":"e","value":""}]}"#;
        let input = Input::parse(bytes, None).unwrap();
        assert_eq!(input.required("sessionToken").ok(), Some("v"));
        for bad in ["x", "e", "missing"] {
            assert!(input.required(bad).is_err(), "{bad}");
        }
        assert!(input.optional("x").is_err());
        assert_eq!(input.optional("e").ok(), Some(None));
        assert_eq!(input.optional("missing").ok(), Some(None));
        assert_eq!(input.optional("sessionToken").ok(), Some(Some("v")));
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = format!(
            r#"{{"parameters":[],"deviceInformation":{}1{}}}"#,
            "[".repeat(5000),
            "]".repeat(5000)
        );
        assert!(Input::parse(deep.as_bytes(), None).is_err());
    }

    proptest! {
        #[test]
        fn no_body_makes_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(input) = Input::parse(&bytes, None) {
                let _ = input.device();
            }
        }
    }
}
