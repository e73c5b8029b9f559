//! For tests: the cookies under `tests/data/vectors/`, which the real libraries made, and
//! what can happen to a cookie on its way.

use serde_json::Value;

use super::ValidateError;
use crate::domain::setting::SecretSource;
use crate::domain::{SecretString, Timestamp};

/// Reads a vector file.
pub(super) fn read(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

/// The text at a JSON pointer.
pub(super) fn text<'v>(vectors: &'v Value, pointer: &str) -> &'v str {
    vectors.pointer(pointer).and_then(Value::as_str).unwrap()
}

/// The time at a JSON pointer.
pub(super) fn time(vectors: &Value, pointer: &str) -> Timestamp {
    Timestamp::from_secs(vectors.pointer(pointer).and_then(Value::as_i64).unwrap())
}

/// Secrets as a `Settings` hands them on.
pub(super) fn secrets(sources: &[SecretSource]) -> impl Iterator<Item = (String, &SecretSource)> {
    sources.iter().map(|source| ("secret".to_owned(), source))
}

/// A secret that stands in the configuration.
pub(super) fn secret(text: &str) -> SecretSource {
    SecretSource::Value(SecretString::new(text))
}

/// Changes every bit of a cookie in turn, and takes every last part of it away. Each result
/// must be refused, as `Rejected` where only the MAC, behind the last `separator`, has
/// become another text of its alphabet.
pub(super) fn assert_nothing_else_passes<T: std::fmt::Debug>(
    cookie: &str,
    separator: Option<char>,
    decide: impl Fn(&str) -> Result<T, ValidateError>,
) {
    assert!(decide(cookie).is_ok(), "{cookie}");
    let mac = separator.map_or(cookie.len(), |s| cookie.rfind(s).unwrap() + s.len_utf8());
    for at in 0..cookie.len() {
        for bit in 0..7 {
            let mut changed = cookie.as_bytes().to_vec();
            changed[at] ^= 1 << bit;
            let changed = String::from_utf8(changed).unwrap();
            let refused = refused(&decide, &changed);
            let alphabet = changed.as_bytes()[at].is_ascii_alphanumeric();
            if at >= mac && alphabet && !cookie[mac..].contains('%') {
                assert!(matches!(refused, ValidateError::Rejected(_)), "{changed}: {refused:?}");
            }
        }
        let refused = refused(&decide, &cookie[..at]);
        if at > mac && !cookie[mac..].contains('%') {
            assert!(matches!(refused, ValidateError::Rejected(_)), "{}", &cookie[..at]);
        }
    }
    for more in ["A", "=", ".", ":", " ", "%"] {
        refused(&decide, &format!("{cookie}{more}"));
        refused(&decide, &format!("{more}{cookie}"));
    }
}

fn refused<T: std::fmt::Debug>(
    decide: impl Fn(&str) -> Result<T, ValidateError>,
    text: &str,
) -> ValidateError {
    match decide(text) {
        Err(error @ (ValidateError::Malformed(_) | ValidateError::Rejected(_))) => error,
        other => panic!("{text}: {other:?}"),
    }
}
