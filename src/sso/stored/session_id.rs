//! The id that names a session in its store, held to an alphabet and a length before it goes
//! anywhere: what a client sends must not reach a key or a query unchecked. For unsigned cookies
//! the id is the whole credential, so it is never shown.

use serde::Deserialize;

use super::super::ValidateError;
use crate::domain::SecretString;
use crate::domain::setting::{Problems, join};

/// What every framework's ids are made of: base64url, hexadecimal, UUIDs, and PHP's comma.
const PUNCTUATION: &[u8] = b"-_,";

/// An id that fits its rule.
#[derive(Debug, Clone)]
pub(in super::super) struct SessionId(SecretString);

impl SessionId {
    /// The text itself, for the store's key or parameter.
    pub(in super::super) fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// A `session_id` table: what an id may look like.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Rule {
    /// Shorter ones can be guessed.
    min_length: usize,
    max_length: usize,
    /// Allowed besides letters, digits, `-`, `_` and `,`.
    extra_characters: String,
    shape: Shape,
}

/// Which of these it must be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Shape {
    /// Any text of the alphabet.
    #[default]
    Token,
    /// A UUID with hyphens, so that a query may say `$1::uuid`.
    Uuid,
}

impl Default for Rule {
    fn default() -> Self {
        let extra_characters = String::new();
        Self { min_length: 16, max_length: 128, extra_characters, shape: Shape::Token }
    }
}

impl Rule {
    /// Notes what cannot work.
    pub(super) fn check(&self, path: &str, problems: &mut Problems) {
        if !(8..=1024).contains(&self.min_length) {
            problems.push(join(path, "min_length"), "must be from 8 to 1024");
        }
        if self.max_length < self.min_length || self.max_length > 1024 {
            problems.push(join(path, "max_length"), "must be from min_length to 1024");
        }
        if !self.extra_characters.bytes().all(|b| b.is_ascii_graphic()) {
            problems.push(join(path, "extra_characters"), "must be printable ASCII");
        }
    }

    /// # Errors
    /// `Malformed` when the text is no such id.
    pub(super) fn parse(&self, text: &str) -> Result<SessionId, ValidateError> {
        if !(self.min_length..=self.max_length).contains(&text.len()) {
            return Err(ValidateError::Malformed("session id has a wrong length"));
        }
        let allowed = |b: u8| {
            b.is_ascii_alphanumeric()
                || PUNCTUATION.contains(&b)
                || self.extra_characters.as_bytes().contains(&b)
        };
        let is_uuid = || text.len() == 36 && uuid::Uuid::try_parse(text).is_ok();
        if !text.bytes().all(allowed) || (self.shape == Shape::Uuid && !is_uuid()) {
            return Err(ValidateError::Malformed("session id has characters that none has"));
        }
        Ok(SessionId(SecretString::new(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_frameworks_are_taken_and_nothing_else() {
        let rule = Rule::default();
        for id in [
            "fv3RTHPzY7B6ltXm0zaq4SUKMaFIzBMr",
            "2n8ot6jomvusz343jd644cy60xp6bitz",
            "eb23273548c6a0f15a10813be7965219",
            "0123456789abcdef-,_",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        ] {
            assert_eq!(rule.parse(id).unwrap().expose(), id);
        }
        let long = "a".repeat(129);
        for id in [
            "",
            "short",
            &long,
            "0123456789abcde*",
            "0123456789abcdef\n",
            "0123456789abcdef' OR",
            "sess:0123456789abcdef",
            "../../0123456789abcdef",
            "0123456789abcd\u{e9}f",
            "0123456789abcdef\0",
        ] {
            assert!(matches!(rule.parse(id), Err(ValidateError::Malformed(_))), "{id:?}");
        }
    }

    #[test]
    fn the_rule_can_be_changed() {
        let rule: Rule =
            serde_json::from_str(r#"{"min_length": 8, "max_length": 9, "extra_characters": ":"}"#)
                .unwrap();
        assert!(rule.parse("abcd:fgh").is_ok());
        assert!(rule.parse("abcd:fgh10").is_err());
        let uuid: Rule = serde_json::from_str(r#"{"shape": "uuid"}"#).unwrap();
        assert!(uuid.parse("f81d4fae-7dec-11d0-a765-00a0c91e6bf6").is_ok());
        assert!(uuid.parse("f81d4fae7dec11d0a76500a0c91e6bf6").is_err());
        assert!(uuid.parse("g81d4fae-7dec-11d0-a765-00a0c91e6bf6").is_err());
    }

    #[test]
    fn an_id_is_never_shown() {
        let id = Rule::default().parse("eb23273548c6a0f15a10813be7965219").unwrap();
        assert!(!format!("{id:?}").contains("eb2327"));
    }
}
