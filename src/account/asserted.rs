//! `asserted`: the validator's word is all there is. Every account is active, and an
//! account that a head-end names exists.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;

use super::{Account, AccountDirectory, AccountError};
use crate::domain::{AccountId, TenantId, Verified};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Whether a subject without an asserted account has the account of its own name.
    #[serde(default = "yes")]
    subject_is_account: bool,
}

fn yes() -> bool {
    true
}

impl Default for Settings {
    fn default() -> Self {
        Self { subject_is_account: yes() }
    }
}

impl Settings {
    pub(super) fn build(self) -> Arc<dyn AccountDirectory> {
        Arc::new(Asserted { subject_is_account: self.subject_is_account })
    }
}

#[derive(Debug)]
struct Asserted {
    subject_is_account: bool,
}

#[async_trait]
impl AccountDirectory for Asserted {
    fn kind(&self) -> &'static str {
        "asserted"
    }

    async fn matching(&self, _: &TenantId, who: &Verified) -> Result<Vec<Account>, AccountError> {
        let account = |id: AccountId, user_id: Option<&String>| {
            let user_id = user_id.or(who.user_id.as_ref());
            let user_id = user_id.map_or_else(|| id.as_str().to_owned(), Clone::clone);
            Account { roles: who.roles.clone(), ..Account::new(id, user_id) }
        };
        if who.accounts.is_empty() {
            let id =
                AccountId::parse(who.subject.as_str()).ok().filter(|_| self.subject_is_account);
            return Ok(vec![account(id.ok_or(AccountError::Unknown)?, None)]);
        }
        let mut seen = HashSet::new();
        let named = who.accounts.iter().filter(|named| seen.insert(&named.id));
        Ok(named.map(|named| account(named.id.clone(), named.user_id.as_ref())).collect())
    }

    async fn by_id(&self, _: &TenantId, id: &AccountId) -> Result<Account, AccountError> {
        Ok(Account::new(id.clone(), id.as_str().to_owned()))
    }

    async fn current(&self, _: &TenantId, _: &AccountId) -> Result<Option<Account>, AccountError> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AssertedAccount, Subject};

    fn who(accounts: &[&str]) -> Verified {
        let account =
            |id: &&str| AssertedAccount { id: AccountId::parse(id).unwrap(), user_id: None };
        Verified {
            user_id: Some("u-1".to_owned()),
            roles: vec!["a".to_owned()],
            accounts: accounts.iter().map(account).collect(),
            ..Verified::subject_only(Subject::parse("zoë").unwrap())
        }
    }

    async fn resolve(subject_is_account: bool, who: &Verified) -> Result<Account, AccountError> {
        let directory = Settings { subject_is_account }.build();
        directory.resolve(&TenantId::parse("t").unwrap(), who).await
    }

    #[tokio::test]
    async fn the_one_asserted_account_is_it() {
        let account = resolve(true, &who(&["1663"])).await.unwrap();
        assert_eq!((account.id.as_str(), account.user_id.as_str()), ("1663", "u-1"));
        assert_eq!(account.roles, ["a"]);
    }

    #[tokio::test]
    async fn without_one_the_subject_is_the_account_where_that_is_set() {
        assert_eq!(resolve(true, &who(&[])).await.unwrap().id.as_str(), "zoë");
        assert_eq!(resolve(false, &who(&[])).await, Err(AccountError::Unknown));
    }

    #[tokio::test]
    async fn several_are_ambiguous() {
        assert_eq!(resolve(true, &who(&["1", "2"])).await, Err(AccountError::Ambiguous));
    }
}
