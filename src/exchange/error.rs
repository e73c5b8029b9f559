//! Why a story ended without an answer. Each variant is a different thing to tell the
//! client; the texts inside are for the log. `http/error.rs` turns them into statuses.

use std::time::Duration;

use crate::account::{AccountError, AccountState};
use crate::session::{BeginError, RefreshError, StoreError};
use crate::sso::ValidateError;
use crate::token::{MintError, TokenError};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The credential cannot be one of its kind at all.
    #[error("credential is malformed: {0}")]
    MalformedCredential(&'static str),
    /// The credential proves nobody. One answer for all reasons; the reason is for the log.
    #[error("{0}")]
    Unauthenticated(String),
    /// The refresh token was good, and its session has been ended for a newer one of its account.
    #[error("session has been evicted by a newer one")]
    Evicted,
    /// The credential is good, and the call is refused all the same.
    #[error("{0}")]
    Forbidden(#[from] Forbidden),
    /// What the call is about does not exist.
    #[error("{0} does not exist")]
    NotFound(&'static str),
    /// It could not be found out.
    #[error("{reason}")]
    Unavailable {
        /// What failed.
        reason: String,
        /// When to ask again, if somebody knows.
        retry_after: Option<Duration>,
    },
    /// A system behind the gateway answered nonsense.
    #[error("{0}")]
    BadUpstream(String),
    /// The gateway itself is at fault.
    #[error("{0}")]
    Internal(String),
}

/// Why a call with a good credential is refused, by the vendor's codes (contract B.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// 20001.
    #[error("account is cancelled")]
    AccountCancelled,
    /// 20002.
    #[error("account is suspended")]
    AccountSuspended,
    /// 20003.
    #[error("device is deleted or not this account's")]
    DeviceDeleted,
    /// 20004.
    #[error("device is disabled")]
    DeviceDisabled,
    /// 20007.
    #[error("maximum number of devices is reached")]
    DeviceLimit,
    /// The account has as many sessions as it may have.
    #[error("maximum number of sessions is reached")]
    SessionLimit,
    /// 20019.
    #[error("location is blocked")]
    Location,
    /// The credential stands for several accounts and the call cannot name one.
    #[error("several accounts match")]
    SeveralAccounts,
    /// The operator's token speaks for another tenant.
    #[error("operator token is for another tenant")]
    OperatorTenant,
}

impl Forbidden {
    /// The refusal that an account's state demands.
    ///
    /// # Errors
    /// Unless the account is active.
    pub fn unless_active(state: AccountState) -> Result<(), Self> {
        match state {
            AccountState::Active => Ok(()),
            AccountState::Suspended => Err(Self::AccountSuspended),
            AccountState::Cancelled => Err(Self::AccountCancelled),
        }
    }
}

impl ExchangeError {
    /// A validator's error where the contract has one answer for every credential that
    /// proves nobody, however it is shaped (AGS, contract B.0).
    #[must_use]
    pub fn proves_nobody(error: ValidateError) -> Self {
        match error {
            ValidateError::Malformed(_) => Self::Unauthenticated(error.to_string()),
            other => other.into(),
        }
    }
}

impl From<ValidateError> for ExchangeError {
    fn from(error: ValidateError) -> Self {
        match error {
            ValidateError::Malformed(why) => Self::MalformedCredential(why),
            ValidateError::Rejected(_) => Self::Unauthenticated(error.to_string()),
            ValidateError::Upstream(_) => Self::BadUpstream(error.to_string()),
            ValidateError::Unavailable { retry_after, .. } => {
                Self::Unavailable { reason: error.to_string(), retry_after }
            }
        }
    }
}

impl From<AccountError> for ExchangeError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Unknown => Self::NotFound("account"),
            AccountError::Ambiguous => Forbidden::SeveralAccounts.into(),
            AccountError::Upstream(_) => Self::BadUpstream(error.to_string()),
            AccountError::Unavailable(_) => {
                Self::Unavailable { reason: error.to_string(), retry_after: None }
            }
        }
    }
}

impl From<StoreError> for ExchangeError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable { reason: error.to_string(), retry_after: None }
    }
}

impl From<BeginError> for ExchangeError {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::ClaimGone => Self::Unauthenticated(error.to_string()),
            BeginError::DeviceUnknown => Forbidden::DeviceDeleted.into(),
            BeginError::DeviceDisabled => Forbidden::DeviceDisabled.into(),
            BeginError::DeviceLimit => Forbidden::DeviceLimit.into(),
            BeginError::SessionLimit => Forbidden::SessionLimit.into(),
            BeginError::Conflict => Self::Internal(error.to_string()),
            BeginError::Store(error) => error.into(),
        }
    }
}

impl From<RefreshError> for ExchangeError {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Gone | RefreshError::Reused | RefreshError::Exhausted => {
                Self::Unauthenticated(error.to_string())
            }
            RefreshError::Evicted => Self::Evicted,
            RefreshError::DeviceDeleted => Forbidden::DeviceDeleted.into(),
            RefreshError::DeviceDisabled => Forbidden::DeviceDisabled.into(),
            RefreshError::Store(error) => error.into(),
        }
    }
}

impl From<TokenError> for ExchangeError {
    fn from(error: TokenError) -> Self {
        Self::Unauthenticated(error.to_string())
    }
}

impl From<MintError> for ExchangeError {
    fn from(error: MintError) -> Self {
        match error {
            MintError::AlreadyExpired => Self::Unauthenticated(error.to_string()),
            // What a system behind says of the user makes a token that no proxy would take.
            MintError::ClaimsTooLarge { .. } => Self::BadUpstream(error.to_string()),
            _ => Self::Internal(error.to_string()),
        }
    }
}
