//! Lists that an operator keeps in a file (users, accounts), written as TOML or JSON.
//! Reads the text into a JSON value; the parts make their own types of it. Errors name
//! places and rules, never the content: such files hold password hashes.

use serde_json::Value;

use crate::domain::setting::{Problem, Problems};

/// The most problems that one error text names.
const NAMED_PROBLEMS: usize = 5;

/// Reads `bytes` as JSON when they begin with `{`, as TOML otherwise, and takes out the
/// list called `name`, which must be the only thing there.
///
/// # Errors
/// A text that says what is wrong with the file.
pub fn entries(bytes: &[u8], name: &str) -> Result<Vec<Value>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
    let document = if text.trim_start().starts_with('{') { json(text) } else { toml(text) }?;
    let Value::Object(mut table) = document else {
        return Err("must be a table".to_owned());
    };
    let list = table.shift_remove(name);
    if !table.is_empty() {
        return Err(format!("must hold nothing but the list {name:?}"));
    }
    match list {
        None => Ok(Vec::new()),
        Some(Value::Array(entries)) => Ok(entries),
        Some(_) => Err(format!("{name:?} must be a list")),
    }
}

/// One text for everything that was found wrong in a file.
///
/// # Errors
/// That text, unless nothing is wrong.
pub fn verdict(problems: Problems) -> Result<(), String> {
    if problems.is_empty() {
        return Ok(());
    }
    let total = problems.len();
    let mut texts: Vec<String> =
        problems.into_vec().iter().take(NAMED_PROBLEMS).map(Problem::to_string).collect();
    if total > NAMED_PROBLEMS {
        texts.push(format!("and {} more", total - NAMED_PROBLEMS));
    }
    Err(texts.join("; "))
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text)
        .map_err(|e| format!("is not JSON at line {}, column {}", e.line(), e.column()))
}

fn toml(text: &str) -> Result<Value, String> {
    toml::from_str(text).map_err(|e| {
        let at = e.span().map_or(0, |span| span.start);
        let line = text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
        format!("is not TOML at line {line}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toml_and_json_read_alike() {
        let toml = entries(b"[[users]]\na = 1\n[[users]]\na = 2\n", "users").unwrap();
        let json = entries(br#" {"users":[{"a":1},{"a":2}]}"#, "users").unwrap();
        assert_eq!(toml, json);
    }

    #[test]
    fn errors_never_quote_the_file() {
        for bad in ["users = [ secret", "{\"users\": secret}", "secret = 1", "users = \"secret\""] {
            let error = entries(bad.as_bytes(), "users").unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
