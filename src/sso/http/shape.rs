//! What a session's id looks like (`credential`): what cannot be one is malformed, and the
//! endpoint is not asked about it.

use serde::Deserialize;

use super::super::ValidateError;
use super::MAX_LEN;
use crate::domain::setting::{Problems, join};

/// The shape of a credential.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Shape {
    alphabet: Alphabet,
    /// In bytes.
    min_length: usize,
    max_length: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Alphabet {
    /// Whatever can be sent.
    Any,
    /// 0-9, a-f and A-F.
    Hex,
    /// A-Z, a-z and 0-9.
    Alphanumeric,
    /// RFC 4648 section 5, without padding.
    Base64url,
}

impl Default for Shape {
    fn default() -> Self {
        Self { alphabet: Alphabet::Any, min_length: 1, max_length: MAX_LEN }
    }
}

impl Shape {
    /// Notes what nothing could fit.
    pub(super) fn check_settings(&self, path: &str, problems: &mut Problems) {
        if !(1..=MAX_LEN).contains(&self.max_length) {
            problems.push(join(path, "max_length"), format!("must be from 1 to {MAX_LEN}"));
        }
        if self.min_length > self.max_length {
            problems.push(join(path, "min_length"), "must not be more than max_length");
        }
    }

    /// Whether it tells these ids from what other systems' credentials look like.
    pub(super) fn is_selective(&self) -> bool {
        self.alphabet != Alphabet::Any
    }

    /// Looks at a credential.
    ///
    /// # Errors
    /// `Malformed` when it is not of this shape.
    pub(super) fn check(&self, text: &str) -> Result<(), ValidateError> {
        if !(self.min_length..=self.max_length).contains(&text.len()) {
            return Err(ValidateError::Malformed("it has not the length of a session's id"));
        }
        let fits = |b: u8| match self.alphabet {
            Alphabet::Any => true,
            Alphabet::Hex => b.is_ascii_hexdigit(),
            Alphabet::Alphanumeric => b.is_ascii_alphanumeric(),
            Alphabet::Base64url => b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'),
        };
        if text.bytes().all(fits) {
            Ok(())
        } else {
            Err(ValidateError::Malformed("it has characters that no session's id has"))
        }
    }
}
