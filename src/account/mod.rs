//! Accounts: which account an identity acts for, and in what state it is.
//! [`AccountDirectory`] is the part's trait; `settings.rs` is the only way to the
//! kinds (`asserted`: the validator's word; `file`: a list that the operator keeps; `http` and
//! `sql`: another system that is asked).

mod asserted;
mod document;
mod file;
mod http;
mod register;
pub mod settings;
mod sql;

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::domain::{AccountId, Attributes, TenantId, Verified};

/// What a token says about an account. Stored with the session so that a retried
/// refresh gets the same pair again; serialises compactly for that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Claim `accountId`.
    pub id: AccountId,
    /// Claim `userId`.
    pub user_id: String,
    /// Claim `accountProfileId`.
    #[serde(default = "default_profile", skip_serializing_if = "is_default_profile")]
    pub profile_id: String,
    /// Whether it may sign on at all.
    #[serde(default, skip_serializing_if = "AccountState::is_active")]
    pub state: AccountState,
    /// Claim `geoBlockExempt`: location rules do not apply.
    #[serde(default, skip_serializing_if = "is_false")]
    pub geo_block_exempt: bool,
    /// Claim `parentalControl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parental_control: Option<serde_json::Value>,
    /// Claim `filteringInformation`.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub filtering: Attributes,
    /// Claim `blockingInformation`.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub blocking: Attributes,
    /// Claim `billingCountryCode`; `EmptyCountry` on the wire when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing_country: Option<String>,
    /// Claim `sessionControl.maxSessions`: concurrent streams, enforced downstream;
    /// the tenant's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_sessions: Option<u32>,
    /// Devices it may register; the tenant's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_devices: Option<u32>,
    /// Roles, for profiles that carry them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

impl Account {
    /// An active account with defaults everywhere.
    #[must_use]
    pub fn new(id: AccountId, user_id: String) -> Self {
        Self {
            id,
            user_id,
            profile_id: default_profile(),
            state: AccountState::Active,
            geo_block_exempt: false,
            parental_control: None,
            filtering: Attributes::new(),
            blocking: Attributes::new(),
            billing_country: None,
            max_sessions: None,
            max_devices: None,
            roles: Vec::new(),
        }
    }
}

fn default_profile() -> String {
    "DEFAULT".to_owned()
}

fn is_default_profile(id: &str) -> bool {
    id == "DEFAULT"
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's skip_serializing_if passes a reference"
)]
fn is_false(b: &bool) -> bool {
    !*b
}

/// Whether an account may sign on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountState {
    /// It may.
    #[default]
    Active,
    /// It may not, for now (vendor code 20002).
    Suspended,
    /// It may not, for good (vendor code 20001).
    Cancelled,
}

impl AccountState {
    /// Its name as files spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Cancelled => "cancelled",
        }
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde's skip_serializing_if passes a reference"
    )]
    fn is_active(&self) -> bool {
        *self == Self::Active
    }
}

/// Knows the accounts of a tenant.
///
/// # Contract
/// Fails closed; answers `Unavailable` when it could not find out and `Upstream` when what it was
/// told is no account: `Unknown` only if it is sure; cancel-safe. It reports an account's state, and
/// the stories refuse.
#[async_trait]
pub trait AccountDirectory: Send + Sync + fmt::Debug {
    /// The kind's name as the configuration spells it.
    fn kind(&self) -> &'static str;

    /// The accounts that a verified identity may act for, whatever their state, each once.
    ///
    /// # Errors
    /// [`AccountError::Unknown`] when it has none.
    async fn matching(
        &self,
        tenant: &TenantId,
        who: &Verified,
    ) -> Result<Vec<Account>, AccountError>;

    /// The one account that a verified identity acts for.
    ///
    /// # Errors
    /// [`AccountError::Unknown`] when it has none, [`AccountError::Ambiguous`] when it
    /// has several and the caller can name only one.
    async fn resolve(&self, tenant: &TenantId, who: &Verified) -> Result<Account, AccountError> {
        let mut accounts = self.matching(tenant, who).await?;
        match (accounts.pop(), accounts.is_empty()) {
            (None, _) => Err(AccountError::Unknown),
            (Some(account), true) => Ok(account),
            (Some(_), false) => Err(AccountError::Ambiguous),
        }
    }

    /// The account by its id, asked before a head-end's call is honoured.
    ///
    /// # Errors
    /// [`AccountError::Unknown`] when there is no such account.
    async fn by_id(&self, tenant: &TenantId, id: &AccountId) -> Result<Account, AccountError>;

    /// The account as it is now, asked at every refresh. `None`: the directory knows
    /// no more than what the session has stored since sign-on.
    ///
    /// # Errors
    /// [`AccountError::Unknown`] when the account has gone.
    async fn current(
        &self,
        tenant: &TenantId,
        id: &AccountId,
    ) -> Result<Option<Account>, AccountError>;
}

/// Why there is no account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// The directory is sure that there is none.
    #[error("account does not exist")]
    Unknown,
    /// Several accounts match and the call has no way to choose.
    #[error("several accounts match")]
    Ambiguous,
    /// The directory could not find out.
    #[error("account directory is unavailable: {0}")]
    Unavailable(String),
    /// What stands behind the directory answered nonsense.
    #[error("account directory broke its contract: {0}")]
    Upstream(String),
}
