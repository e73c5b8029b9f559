//! The inner layer of a Rails cookie: ActiveSupport's message metadata, which says for what
//! and until when the value was made, around the value itself. Reads authentic bytes only.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::super::{ValidateError, iso_time};
use crate::domain::Timestamp;

/// What an envelope holds.
pub(super) struct Message {
    /// The value as an object; one that is none (`cookies.signed[:uid] = 42`) is its member `value`.
    pub(super) value: Value,
    /// When the application lets it end, if it does.
    pub(super) end: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    #[serde(rename = "_rails")]
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    /// Base64 of the serialized value.
    message: Option<String>,
    /// The value itself, where the envelope's serializer is the value's (7.1 and later).
    data: Option<Value>,
    /// ISO 8601 in UTC with milliseconds.
    exp: Option<String>,
    pur: Option<String>,
}

/// Reads an authentic envelope.
///
/// # Errors
/// `Rejected` for another purpose or none, `Malformed` for what is no envelope of JSON.
pub(super) fn read(bytes: &[u8], purpose: &str) -> Result<Message, ValidateError> {
    let Envelope { metadata } = serde_json::from_slice(bytes)
        .map_err(|_| ValidateError::Malformed("it has no rails metadata"))?;
    if metadata.pur.as_deref() != Some(purpose) {
        return Err(ValidateError::Rejected("it was made for another purpose"));
    }
    let end = metadata.exp.as_deref().map(time).transpose()?;
    let value = match (metadata.message, metadata.data) {
        (Some(message), None) => message_value(&message)?,
        (None, Some(data)) => data,
        _ => return Err(ValidateError::Malformed("it has no message")),
    };
    let value = if value.is_object() { value } else { json!({ "value": value }) };
    Ok(Message { value, end })
}

fn message_value(message: &str) -> Result<Value, ValidateError> {
    let json = STANDARD.decode(message).map(Zeroizing::new);
    let json = json.map_err(|_| ValidateError::Malformed("its message is not base64"))?;
    // The marshal serializer's content starts with a version byte and is never JSON.
    serde_json::from_slice(&json).map_err(|_| ValidateError::Malformed("its message is not json"))
}

fn time(text: &str) -> Result<Timestamp, ValidateError> {
    let time = iso_time::parse(text).filter(|time| time.secs() >= 0);
    time.ok_or(ValidateError::Malformed("its expiry is no time"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn outcome(metadata: Value) -> Result<(Value, Option<i64>), ValidateError> {
        let bytes = json!({ "_rails": metadata }).to_string();
        read(bytes.as_bytes(), "cookie.sso").map(|m| (m.value, m.end.map(Timestamp::secs)))
    }

    fn message(json: &str) -> String {
        STANDARD.encode(json)
    }

    #[test]
    fn both_forms_of_a_value_are_read() {
        let want = json!({"user_id": 1});
        let older =
            json!({"message": message(r#"{"user_id":1}"#), "exp": null, "pur": "cookie.sso"});
        assert_eq!(outcome(older), Ok((want.clone(), None)));
        let newer = json!({"data": want, "exp": "2001-09-09T01:46:40.999Z", "pur": "cookie.sso"});
        assert_eq!(outcome(newer), Ok((want, Some(1_000_000_000))));
    }

    #[test]
    fn a_value_that_is_no_object_is_a_member() {
        let number = json!({"message": message("42"), "pur": "cookie.sso"});
        assert_eq!(outcome(number), Ok((json!({"value": 42}), None)));
    }

    #[test]
    fn another_purpose_is_rejected_and_so_is_none() {
        for pur in [json!("cookie.other"), json!("cookie.sso2"), json!(""), json!(null)] {
            let verdict = outcome(json!({"message": message("{}"), "pur": pur}));
            assert!(matches!(verdict, Err(ValidateError::Rejected(_))), "{pur}: {verdict:?}");
        }
        let absent = outcome(json!({"message": message("{}")}));
        assert!(matches!(absent, Err(ValidateError::Rejected(_))));
    }

    #[test]
    fn what_is_no_envelope_is_malformed() {
        for metadata in [
            json!({"pur": "cookie.sso"}),
            json!({"message": message("{}"), "data": {}, "pur": "cookie.sso"}),
            json!({"message": "%", "pur": "cookie.sso"}),
            json!({"message": message("\u{4}\u{8}{"), "pur": "cookie.sso"}),
            json!({"message": message("{}"), "exp": "soon", "pur": "cookie.sso"}),
            json!({"message": message("{}"), "exp": 4_102_444_800_i64, "pur": "cookie.sso"}),
            json!({"message": message("{}"), "exp": "1960-01-01T00:00:00Z", "pur": "cookie.sso"}),
            json!({"message": message("{}"), "pur": "cookie.sso", "admin": true}),
        ] {
            let verdict = outcome(metadata.clone());
            assert!(matches!(verdict, Err(ValidateError::Malformed(_))), "{metadata}: {verdict:?}");
        }
        assert!(read(b"{\"user_id\":1}", "cookie.sso").is_err(), "a session without metadata");
    }

    proptest! {
        #[test]
        fn no_content_panics(text in "(\\{\"_rails\":)?[\\[\\]{}\",:a-z0-9_ ]{0,60}") {
            let _ = read(text.as_bytes(), "cookie.sso");
        }
    }
}
