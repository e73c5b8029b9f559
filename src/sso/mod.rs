//! Validators: whose credential is this? [`SsoValidator`] is the one trait that an
//! integrator implements to connect an SSO system; `settings.rs` is the only way
//! to the kinds that ship. Validators know nothing of HTTP requests, tenants'
//! dialects or tokens.

mod any_of;
mod asks;
mod authjs;
mod better_auth;
mod cache;
mod cas;
mod credential;
mod django;
mod endpoint;
mod expectations;
mod expression;
mod fetch;
mod flask;
mod hmac_keys;
mod http;
mod introspection;
mod iron_session;
mod iso_time;
mod jwt;
mod laravel;
pub mod lookup;
mod mapping;
mod opens;
pub mod operator;
mod rails;
mod redis_session;
mod scripted;
mod secrets;
mod session_digest;
mod session_token;
pub mod settings;
mod signed_cookie;
mod signed_id;
mod sql_session;
mod stored;
mod timed_text;
mod unseal;
mod upstream;
mod users;
#[cfg(test)]
mod vectors;

pub use cache::Purge;
pub use session_digest::session_digest;
pub use session_token::{TicketSource, digest as ticket_digest};
pub use signed_cookie::{Payload as SignedCookiePayload, issue as issue_signed_cookie};
pub use users::hash_password;

use std::fmt;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::domain::{Credential, CredentialKind, ServiceName, TenantId, Timestamp, Verified};

/// Decides whose a credential is.
///
/// # Contract
/// Each line is a test that runs against every kind (`tests/it/sso_contract.rs`).
/// * It fails closed: no input makes it answer `Ok` by default, and no input makes it panic.
/// * [`ValidateError::Rejected`] and [`ValidateError::Malformed`] only if the credential is at
///   fault; [`ValidateError::Unavailable`] if it could not find out;
///   [`ValidateError::Upstream`] if the other side broke its contract.
/// * It gives up at [`ValidateCx::deadline`] with `Unavailable`.
/// * It is cancel-safe: dropping the future leaves nothing half done and consumes nothing here. (What
///   another system uses up by being asked, such as a CAS ticket, is that system's own rule.)
/// * It never logs, stores or echoes the credential, in errors included.
/// * It sends an upstream nothing of a request but the one credential it is about.
/// * It answers `Malformed` to a [`CredentialKind`] that it does not accept.
/// * What it does not recognize, it answers `Malformed` or `Rejected` without asking anybody.
#[async_trait]
pub trait SsoValidator: Send + Sync + fmt::Debug {
    /// The kind's name as the configuration spells it.
    fn kind(&self) -> &'static str;

    /// Whether it takes credentials of this kind; asked once, when services are bound at boot.
    fn accepts(&self, kind: CredentialKind) -> bool;

    /// Whether the credential is its business, so that its verdict is the one that counts where
    /// there are several validators (`any_of`). Asks nobody and is about as cheap as opening a
    /// cookie. `true` proves nothing: the credential may have expired. `false` is certain: it
    /// has another form, no key of this validator made it, or it names another issuer. A
    /// validator that would have to ask somebody recognizes everything that it could ask about,
    /// so that its outage is never mistaken for a credential that is nobody's.
    fn recognizes(&self, credential: &Credential) -> bool {
        self.accepts(credential.kind())
    }

    /// Whether [`SsoValidator::recognizes`] tells its credentials from those of others by more
    /// than how they travel; asked once, at boot.
    fn is_selective(&self) -> bool {
        false
    }

    /// Whether Cambio's own one-time tickets are among what it takes, so that a service with it
    /// has a use for making some.
    fn takes_tickets(&self) -> bool {
        false
    }

    /// Whether to validate is to use the credential up, so that whoever only wants to know
    /// (`explain`) must not.
    fn uses_up(&self, _credential: &Credential) -> bool {
        false
    }

    /// Decides.
    ///
    /// # Errors
    /// See the contract above.
    async fn validate(
        &self,
        credential: &Credential,
        cx: &ValidateCx<'_>,
    ) -> Result<Verified, ValidateError>;

    /// Whether it could validate now (readiness).
    ///
    /// # Errors
    /// [`ValidateError::Unavailable`] or [`ValidateError::Upstream`] when it could not.
    async fn check(&self) -> Result<(), ValidateError> {
        Ok(())
    }

    /// Forgets the verdicts that it keeps on these, checks under way included, and answers how
    /// many there were. A validator that keeps none has nothing to do.
    fn purge(&self, _which: &Purge) -> usize {
        0
    }
}

/// What a validation may depend on besides the credential.
#[derive(Debug, Clone, Copy)]
pub struct ValidateCx<'a> {
    /// The current time; validators never read a clock themselves.
    pub now: Timestamp,
    /// When the request gives up.
    pub deadline: Instant,
    /// On whose behalf.
    pub tenant: &'a TenantId,
    /// For which authentication service of the tenant.
    pub service: &'a ServiceName,
}

/// Why there is no positive verdict. The texts are for logs: they name the rule
/// that failed and never hold any part of the credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValidateError {
    /// The credential cannot be one of this system's: not decodable at all.
    #[error("credential is malformed: {0}")]
    Malformed(&'static str),
    /// The credential is well-formed and proves nobody: bad signature, expired, unknown, used.
    #[error("credential is rejected: {0}")]
    Rejected(&'static str),
    /// The validator could not find out. Never a verdict on the credential.
    #[error("validator is unavailable: {reason}")]
    Unavailable {
        /// What failed.
        reason: String,
        /// When asking again makes sense, if the other side said so.
        retry_after: Option<Duration>,
    },
    /// The other side answered nonsense.
    #[error("upstream broke its contract: {0}")]
    Upstream(String),
}

impl ValidateError {
    /// An [`ValidateError::Unavailable`] without a hint.
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into(), retry_after: None }
    }
}
