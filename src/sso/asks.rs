//! [`Asks`]: what a validator that asks another system offers besides [`SsoValidator`], so
//! that `cache` can keep its verdicts and `upstream` can guard who is asked. Types and a
//! trait only; a kind that asks nobody has no use for it.

use std::time::Duration;

use async_trait::async_trait;

use super::{SsoValidator, ValidateCx, ValidateError};
use crate::domain::{Credential, Verified};

/// A validator that asks another system.
#[async_trait]
pub(super) trait Asks: SsoValidator {
    /// Looks at the credential without asking anybody.
    ///
    /// # Errors
    /// `Malformed` for what [`Asks::ask`] would never send.
    fn screen(&self, credential: &Credential) -> Result<(), ValidateError>;

    /// [`SsoValidator::validate`], with what else there is to know of the answer.
    async fn ask(&self, credential: &Credential, cx: &ValidateCx<'_>) -> Told;

    /// Whether the verdict depends on the tenant and service; they are then part of the key
    /// that verdicts are kept under.
    fn depends_on_service(&self) -> bool {
        false
    }
}

/// A verdict, and how it came about.
#[derive(Debug)]
pub(super) struct Told {
    /// What [`SsoValidator::validate`] answers.
    pub(super) verdict: Result<Verified, ValidateError>,
    /// How long the other system lets its answer be kept.
    pub(super) hint: Hint,
    /// Whether asking once more cannot do anything twice: no connection was made, or it was
    /// lost before an answer came and the request is idempotent.
    pub(super) may_ask_again: bool,
    /// Whether the other system answered in its own words, so that a fault is this one
    /// credential's answer and not the system's health.
    pub(super) is_alive: bool,
}

impl Told {
    /// A verdict without anything else.
    pub(super) fn plain(verdict: Result<Verified, ValidateError>) -> Self {
        Self { verdict, hint: Hint::default(), may_ask_again: false, is_alive: false }
    }
}

/// How long an answer may be kept, as the other system says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Hint {
    /// No longer than this; zero: not at all. `None`: it says nothing.
    pub(super) fresh_for: Option<Duration>,
    /// Never past its time, an outage included (RFC 9111 section 5.2.2.2).
    pub(super) never_stale: bool,
}
