//! [`Asks`]: a kind that asks another system, and [`Asking`], the validator that it is, with what its
//! table has put around it: `upstream` guards who is asked, `cache` keeps verdicts. A kind that
//! asks nobody has no use for it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::cache::Cached;
use super::upstream::Guard;
use super::{Purge, SsoValidator, ValidateCx, ValidateError};
use crate::domain::{Credential, CredentialKind, Verified};

/// A kind that asks another system about a cookie or token.
#[async_trait]
pub(super) trait Asks: Send + Sync + fmt::Debug {
    /// What [`SsoValidator::kind`] answers.
    fn kind(&self) -> &'static str;

    /// What [`SsoValidator::is_selective`] answers.
    fn is_selective(&self) -> bool {
        false
    }

    /// What [`SsoValidator::uses_up`] answers, whatever the credential.
    fn uses_up(&self) -> bool {
        false
    }

    /// Looks at the credential without asking anybody: what [`SsoValidator::recognizes`] answers.
    ///
    /// # Errors
    /// `Malformed` for what [`Asks::ask`] would never send.
    fn screen(&self, credential: &Credential) -> Result<(), ValidateError>;

    /// [`SsoValidator::validate`], with what else there is to know of the answer. Neither depends on
    /// the tenant or the service: a kept verdict is any tenant's that has this validator.
    async fn ask(&self, credential: &Credential, cx: &ValidateCx<'_>) -> Told;
}

/// A validator that asks.
#[derive(Debug)]
pub(super) enum Asking {
    /// Whenever it is asked itself.
    Always(Arc<dyn Asks>),
    /// When the guard lets it.
    Guarded(Arc<dyn Asks>, Guard),
    /// When it does not remember; then, when the guard lets it.
    Cached(Cached),
}

impl Asking {
    fn kind_that_asks(&self) -> &dyn Asks {
        match self {
            Self::Always(asks) | Self::Guarded(asks, _) => &**asks,
            Self::Cached(cached) => &*cached.inner,
        }
    }
}

#[async_trait]
impl SsoValidator for Asking {
    fn kind(&self) -> &'static str {
        self.kind_that_asks().kind()
    }

    fn accepts(&self, kind: CredentialKind) -> bool {
        matches!(kind, CredentialKind::Cookie | CredentialKind::Token)
    }

    fn recognizes(&self, credential: &Credential) -> bool {
        self.kind_that_asks().screen(credential).is_ok()
    }

    fn is_selective(&self) -> bool {
        self.kind_that_asks().is_selective()
    }

    fn uses_up(&self, _: &Credential) -> bool {
        self.kind_that_asks().uses_up()
    }

    async fn validate(
        &self,
        credential: &Credential,
        cx: &ValidateCx<'_>,
    ) -> Result<Verified, ValidateError> {
        match self {
            Self::Always(asks) => asks.ask(credential, cx).await.verdict,
            Self::Guarded(asks, guard) => {
                asks.screen(credential)?;
                guard.ask(&**asks, credential, cx).await.verdict
            }
            Self::Cached(cached) => cached.validate(credential, cx).await,
        }
    }

    fn purge(&self, which: &Purge) -> usize {
        match self {
            Self::Always(_) | Self::Guarded(..) => 0,
            Self::Cached(cached) => cached.purge(which),
        }
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
