//! The first look at a credential: its kind and size, before a validator reads it.

use super::ValidateError;
use crate::domain::Credential;

/// The text of a cookie or token of 1 to `max` bytes.
///
/// # Errors
/// [`ValidateError::Malformed`] for a password, an empty or an over-long text.
pub(super) fn text(credential: &Credential, max: usize) -> Result<&str, ValidateError> {
    let text = credential.text().ok_or(WRONG_KIND)?;
    if text.is_empty() {
        return Err(ValidateError::Malformed("it is empty"));
    }
    if text.len() > max {
        return Err(ValidateError::Malformed("it is too long"));
    }
    Ok(text)
}

/// The answer to a kind of credential that a validator does not take.
pub(super) const WRONG_KIND: ValidateError =
    ValidateError::Malformed("this kind of credential is not accepted");
