//! Whose a credential is, once a validator has decided. Only `sso` makes these.

use serde::{Deserialize, Serialize};

use super::{AccountId, Subject, Timestamp};

/// Free-form facts about a subject, in the order the validator gave them.
pub type Attributes = serde_json::Map<String, serde_json::Value>;

/// A validator's positive verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// Who it is: the user name or id, as the identity system names them.
    pub subject: Subject,
    /// A stable user id where it differs from the subject (AnswerHub's UUID).
    pub user_id: Option<String>,
    /// Roles, for the `roles` claim.
    pub roles: Vec<String>,
    /// The accounts the identity system itself names for this subject.
    pub accounts: Vec<AssertedAccount>,
    /// Everything else that a mapping may want.
    pub attributes: Attributes,
    /// The upstream session's id, where there is one: kept as a digest only.
    pub session_id: Option<String>,
    /// When the upstream session ends; nothing minted outlives it.
    pub expires_at: Option<Timestamp>,
    /// A one-time credential that the sign-on must claim in the same atomic step
    /// that begins the session; until then the credential is not used up.
    pub claim: Option<OneTimeClaim>,
}

impl Verified {
    /// A verdict that says only who it is.
    #[must_use]
    pub fn subject_only(subject: Subject) -> Self {
        Self {
            subject,
            user_id: None,
            roles: Vec::new(),
            accounts: Vec::new(),
            attributes: Attributes::new(),
            session_id: None,
            expires_at: None,
            claim: None,
        }
    }
}

/// The name of a one-time credential in the session store: what of its text only counts,
/// then a digest of all of it. The text itself never reaches a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OneTimeClaim(pub [u8; 32]);

/// An account as an identity system or an accounts file states it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssertedAccount {
    /// The account's id (claim `accountId`).
    pub id: AccountId,
    /// The user within it (claim `userId`); the account's id when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
}
