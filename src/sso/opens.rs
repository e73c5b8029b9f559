//! [`Opens`]: a kind that asks nobody. It opens a cookie or token with keys at hand, and whatever
//! a key of its own has made is its business. A kind says how; what makes it a validator is the
//! same for all and stands here.

use std::fmt;

use async_trait::async_trait;

use super::{SsoValidator, ValidateCx, ValidateError, credential};
use crate::domain::{Credential, CredentialKind, Timestamp, Verified};

/// A validator that opens what it is given.
pub(super) trait Opens: Send + Sync + fmt::Debug {
    /// What [`SsoValidator::kind`] answers.
    const KIND: &'static str;
    /// The longest accepted value, in bytes.
    const MAX_LEN: usize;

    /// Whether a key of its own has made the value, which may have ended.
    fn has_made(&self, value: &str) -> bool;

    /// Whose the value is.
    ///
    /// # Errors
    /// `Malformed` or `Rejected`: there is nobody else to be at fault.
    fn decide(&self, value: &str, now: Timestamp) -> Result<Verified, ValidateError>;
}

#[async_trait]
impl<T: Opens> SsoValidator for T {
    fn kind(&self) -> &'static str {
        T::KIND
    }

    fn accepts(&self, kind: CredentialKind) -> bool {
        matches!(kind, CredentialKind::Cookie | CredentialKind::Token)
    }

    fn recognizes(&self, credential: &Credential) -> bool {
        credential::text(credential, T::MAX_LEN).is_ok_and(|value| self.has_made(value))
    }

    fn is_selective(&self) -> bool {
        true
    }

    async fn validate(
        &self,
        credential: &Credential,
        cx: &ValidateCx<'_>,
    ) -> Result<Verified, ValidateError> {
        self.decide(credential::text(credential, T::MAX_LEN)?, cx.now)
    }
}
