//! The report as people read it: a line a step. Made from the same document as `--json` prints,
//! so that neither can show what the other hides.

use std::fmt::Write;

use serde_json::{Map, Value};

/// The document as lines.
pub(super) fn render(document: &Value) -> String {
    let mut out = String::new();
    let text = |value: &Value| match value {
        Value::String(text) => clean(text),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let (credential, none) = (&document["credential"], Vec::new());
    // Writing to a `String` cannot fail.
    let _ = writeln!(
        out,
        "service {:?} of tenant {}: a credential of kind {} and {} bytes",
        text(&document["service"]),
        text(&document["tenant"]),
        text(&credential["kind"]),
        text(&credential["bytes"]),
    );
    for step in document["steps"].as_array().unwrap_or(&none) {
        let at = step["at_millis"].as_u64().unwrap_or_default();
        let _ = writeln!(out, "{at:>6} ms  {}", sentence(step, &text));
    }
    for (name, token) in document["tokens"].as_object().unwrap_or(&Map::new()) {
        let (claims, size) = (text(&token["claims_bytes"]), text(&token["token_bytes"]));
        let _ = writeln!(out, "{name}: {size} bytes, its claims {claims} bytes:");
        for (claim, value) in token["claims"].as_object().unwrap_or(&Map::new()) {
            let _ = writeln!(out, "    {}: {}", clean(claim), text(value));
        }
    }
    for note in document["notes"].as_array().unwrap_or(&none) {
        let _ = writeln!(out, "note: {}", text(note));
    }
    let (result, took) = (text(&document["result"]), text(&document["millis"]));
    let why = text(&document["why"]);
    let why = if why.is_empty() { why } else { format!(": {why}") };
    let result = match result.as_str() {
        "unknown" => "could not be found out",
        other => other,
    };
    let _ = writeln!(out, "{result} in {took} ms{why}");
    out
}

/// A step in words.
fn sentence(step: &Value, text: &impl Fn(&Value) -> String) -> String {
    let of = |name: &str| text(&step[name]);
    let because = if step["why"].is_null() { String::new() } else { format!(": {}", of("why")) };
    match step["step"].as_str().unwrap_or_default() {
        "recognizes" => {
            let says = if step["answer"] == true {
                "recognizes it and decides"
            } else {
                "does not know it"
            };
            format!("validator {} ({}) {says}", of("validator"), of("kind"))
        }
        "asked" => {
            let answer = match step["status"].as_u64() {
                Some(status) => {
                    let json = if step["is_json"] == true { "JSON" } else { "no JSON" };
                    format!("{status}, {} bytes, {json}", of("bytes"))
                }
                None => "no answer".to_owned(),
            };
            format!(
                "asked {} {}: {answer} after {} ms{because}",
                of("method"),
                of("origin"),
                of("millis")
            )
        }
        "document" => format!("the session has {}", outline(&step["members"])),
        "deny_if" => {
            let says = if step["refuses"] == true { "refuses" } else { "lets pass" };
            format!("deny_if {:?} {says}", of("reason"))
        }
        "field" => format!("{} from {}: {}", of("name"), of("from"), of("value")),
        "verdict" => format!("validator of kind {} says {}{because}", of("kind"), of("verdict")),
        "account" => {
            let found = if step["id"].is_null() {
                String::new()
            } else {
                format!(" {}, {}", of("id"), of("state"))
            };
            format!("account by directory of kind {}:{found}{because}", of("directory"))
        }
        other => other.to_owned(),
    }
}

fn outline(members: &Value) -> String {
    match members.as_object() {
        Some(members) if members.is_empty() => "no members".to_owned(),
        Some(members) => {
            let member = |(name, kind): (&String, &Value)| {
                format!("{} ({})", clean(name), kind.as_str().unwrap_or_default())
            };
            members.iter().map(member).collect::<Vec<_>>().join(", ")
        }
        None => format!("no members: it is a {}", members.as_str().unwrap_or_default()),
    }
}

/// Without what a terminal would obey.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
