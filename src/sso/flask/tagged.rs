//! Flask's `TaggedJSONSerializer`: objects of one member whose name begins with a space stand
//! for what JSON has no words for. Called on authenticated sessions, before the mapping reads
//! them, so that a place means what the application wrote there.

use serde_json::{Map, Value};

/// Undoes the tags, the innermost first: a tuple becomes an array, a UUID its text with
/// hyphens, bytes stay base64 text, times HTTP dates, and markup the text it is. `None` when
/// what a tag holds does not fit it, for which Flask would fail as well.
pub(super) fn untag(value: Value) -> Option<Value> {
    match value {
        Value::Array(items) => items.into_iter().map(untag).collect::<Option<_>>(),
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| Some((name, untag(value)?)));
            untag_object(members.collect::<Option<_>>()?)
        }
        other => Some(other),
    }
}

fn untag_object(mut members: Map<String, Value>) -> Option<Value> {
    let tag = match (members.len(), members.keys().next()) {
        (1, Some(name)) if is_tag(name) => name.clone(),
        _ => return Some(Value::Object(members)),
    };
    let inner = members.shift_remove(&tag)?;
    match tag.as_str() {
        " t" => Some(inner).filter(Value::is_array),
        " u" => uuid::Uuid::try_parse(inner.as_str()?).ok().map(|id| id.to_string().into()),
        " di" => escaped(inner),
        _ => Some(inner).filter(Value::is_string),
    }
}

fn is_tag(name: &str) -> bool {
    matches!(name, " di" | " t" | " b" | " m" | " u" | " d")
}

/// An object of one member that would look like a tag: its name was given two underscores.
fn escaped(inner: Value) -> Option<Value> {
    let Value::Object(members) = inner else { return None };
    let (name, value) = members.into_iter().next()?;
    Some(Value::Object(Map::from_iter([(name.strip_suffix("__")?.to_owned(), value)])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn tags_become_what_they_stand_for() {
        for (tagged, plain) in [
            (json!({" t": ["a", {" t": [1]}]}), json!(["a", [1]])),
            (json!({" b": "AP8="}), json!("AP8=")),
            (json!({" m": "<b>"}), json!("<b>")),
            (
                json!({" u": "00000000000000000000000000000001"}),
                json!("00000000-0000-0000-0000-000000000001"),
            ),
            (
                json!({" d": "Sat, 21 Nov 2026 12:00:00 GMT"}),
                json!("Sat, 21 Nov 2026 12:00:00 GMT"),
            ),
            (json!({" di": {" t__": ["x"]}}), json!({" t": ["x"]})),
            (json!({" di": {" t__": {" t": []}}}), json!({" t": []})),
            (json!({" t": [], "x": 1}), json!({" t": [], "x": 1})),
            (json!({" x": 1}), json!({" x": 1})),
            (json!({}), json!({})),
        ] {
            assert_eq!(untag(tagged.clone()), Some(plain), "{tagged}");
        }
    }

    #[test]
    fn a_tag_that_does_not_fit_is_refused() {
        for tagged in [
            json!({" t": "a"}),
            json!({" u": "1"}),
            json!({" u": 1}),
            json!({" b": 1}),
            json!({" di": []}),
            json!({" di": {}}),
            json!({" di": {"x": 1}}),
            json!({"x": [{" t": 1}]}),
        ] {
            assert_eq!(untag(tagged.clone()), None, "{tagged}");
        }
    }

    proptest! {
        #[test]
        fn no_document_panics(text in "[\\[\\]{}\": ,tbmudi_1]{0,60}") {
            if let Ok(document) = serde_json::from_str(&text) {
                let _ = untag(document);
            }
        }
    }
}
