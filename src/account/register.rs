//! [`Register`]: a kind that knows accounts by their id and by their subject. Which of the two is asked
//! for is the same for all of them and stands here.

use std::collections::HashSet;
use std::fmt;

use async_trait::async_trait;

use super::{Account, AccountDirectory, AccountError};
use crate::domain::{AccountId, Subject, TenantId, Verified};

/// A directory that looks accounts up.
pub(super) trait Register: Send + Sync + fmt::Debug {
    /// What [`AccountDirectory::kind`] answers.
    const KIND: &'static str;

    /// The account of this id; `None` when it is sure that there is none.
    ///
    /// # Errors
    /// `Unavailable` or `Upstream`.
    fn by_id(
        &self,
        id: &AccountId,
    ) -> impl Future<Output = Result<Option<Account>, AccountError>> + Send;

    /// The accounts that the subject may act for, if any.
    ///
    /// # Errors
    /// `Unavailable` or `Upstream`.
    fn by_subject(
        &self,
        subject: &Subject,
    ) -> impl Future<Output = Result<Vec<Account>, AccountError>> + Send;
}

#[async_trait]
impl<T: Register> AccountDirectory for T {
    fn kind(&self) -> &'static str {
        T::KIND
    }

    /// What the validator asserts decides, among the accounts that exist; the subject is looked up
    /// only when it asserts nothing.
    async fn matching(&self, _: &TenantId, who: &Verified) -> Result<Vec<Account>, AccountError> {
        let mut matching = Vec::new();
        if who.accounts.is_empty() {
            matching = self.by_subject(&who.subject).await?;
        }
        for asserted in &who.accounts {
            matching.extend(Register::by_id(self, &asserted.id).await?);
        }
        let mut seen = HashSet::new();
        matching.retain(|account| seen.insert(account.id.clone()));
        if matching.is_empty() { Err(AccountError::Unknown) } else { Ok(matching) }
    }

    async fn by_id(&self, _: &TenantId, id: &AccountId) -> Result<Account, AccountError> {
        Register::by_id(self, id).await?.ok_or(AccountError::Unknown)
    }

    async fn current(
        &self,
        tenant: &TenantId,
        id: &AccountId,
    ) -> Result<Option<Account>, AccountError> {
        AccountDirectory::by_id(self, tenant, id).await.map(Some)
    }
}
