//! `file`: the accounts an operator lists, read again when the file changes. `[[accounts]]`
//! entries in TOML, or `{"accounts": […]}` in JSON, with the members of
//! [`Account`] (`user_id` is the id when absent) and `subjects`, who may act for it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::register::Register;
use super::{Account, AccountDirectory, AccountError};
use crate::domain::setting::{self, Problems, join};
use crate::domain::{AccountId, Subject};
use crate::support::{Watched, Watcher, listing};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The accounts file.
    file: PathBuf,
}

impl Settings {
    pub(super) fn build(
        self,
        path: &str,
        watcher: &Watcher,
        problems: &mut Problems,
    ) -> Option<Arc<dyn AccountDirectory>> {
        let accounts = Watched::open(&self.file, watcher, Accounts::parse);
        let accounts = problems.ok(&join(path, "file"), accounts)?;
        Some(Arc::new(File { accounts }))
    }
}

#[derive(Debug)]
struct File {
    accounts: Arc<Watched<Accounts>>,
}

impl Register for File {
    const KIND: &'static str = "file";

    async fn by_id(&self, id: &AccountId) -> Result<Option<Account>, AccountError> {
        Ok(self.accounts.get().by_id.get(id).cloned())
    }

    async fn by_subject(&self, subject: &Subject) -> Result<Vec<Account>, AccountError> {
        let accounts = self.accounts.get();
        let ids = accounts.by_subject.get(subject).into_iter().flatten();
        Ok(ids.filter_map(|id| accounts.by_id.get(id)).cloned().collect())
    }
}

/// Everything in the file.
#[derive(Default)]
struct Accounts {
    by_id: HashMap<AccountId, Account>,
    by_subject: HashMap<Subject, Vec<AccountId>>,
}

impl Accounts {
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut problems = Problems::default();
        let mut accounts = Self::default();
        for (i, entry) in listing::entries(bytes, "accounts")?.into_iter().enumerate() {
            accounts.add(entry, &format!("accounts.{i}"), &mut problems);
        }
        listing::verdict(problems)?;
        Ok(accounts)
    }

    fn add(&mut self, mut entry: Value, at: &str, problems: &mut Problems) {
        let mut subjects = Vec::new();
        if let Value::Object(members) = &mut entry {
            if let Some(value) = members.shift_remove("subjects") {
                let parsed = setting::parse(value, &join(at, "subjects"), problems);
                subjects = parsed.unwrap_or_default();
            }
            if let (None, Some(id)) = (members.get("user_id"), members.get("id").cloned()) {
                members.insert("user_id".to_owned(), id);
            }
        }
        let Some(account) = setting::parse::<Account>(entry, at, problems) else { return };
        for subject in subjects {
            self.by_subject.entry(subject).or_default().push(account.id.clone());
        }
        if self.by_id.insert(account.id.clone(), account).is_some() {
            problems.push(join(at, "id"), "is there twice");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::AccountState;
    use super::*;
    use crate::domain::{AssertedAccount, TenantId, Verified};

    const FILE: &str = r#"
        [[accounts]]
        id = "1"
        subjects = ["ann", "both"]
        state = "suspended"
        max_devices = 2

        [[accounts]]
        id = "2"
        user_id = "u-2"
        subjects = ["both"]
        geo_block_exempt = true
    "#;

    fn who(subject: &str, accounts: &[&str]) -> Verified {
        let account =
            |id: &&str| AssertedAccount { id: AccountId::parse(id).unwrap(), user_id: None };
        Verified {
            accounts: accounts.iter().map(account).collect(),
            ..Verified::subject_only(Subject::parse(subject).unwrap())
        }
    }

    struct Fixture {
        directory: Arc<dyn AccountDirectory>,
        watcher: Watcher,
        file: tempfile::NamedTempFile,
    }

    fn fixture() -> Fixture {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), FILE).unwrap();
        let watcher = Watcher::default();
        let mut problems = Problems::default();
        let settings = Settings { file: file.path().to_owned() };
        let directory = settings.build("accounts", &watcher, &mut problems).unwrap();
        Fixture { directory, watcher, file }
    }

    #[tokio::test]
    async fn assertions_decide_and_subjects_only_without_one() {
        let Fixture { directory, file: _file, .. } = fixture();
        let tenant = TenantId::parse("t").unwrap();
        let id = async |who: Verified| {
            directory.resolve(&tenant, &who).await.map(|a| a.id.as_str().to_owned())
        };
        assert_eq!(id(who("ann", &[])).await.as_deref(), Ok("1"));
        assert_eq!(id(who("ann", &["2"])).await.as_deref(), Ok("2"));
        assert_eq!(id(who("ann", &["9"])).await, Err(AccountError::Unknown));
        assert_eq!(id(who("ann", &["2", "9"])).await.as_deref(), Ok("2"));
        assert_eq!(id(who("ann", &["1", "2"])).await, Err(AccountError::Ambiguous));
        assert_eq!(id(who("both", &[])).await, Err(AccountError::Ambiguous));
        assert_eq!(id(who("nobody", &[])).await, Err(AccountError::Unknown));
    }

    #[tokio::test]
    async fn state_and_profile_come_from_the_file_as_it_is_now() {
        let Fixture { directory, watcher, file } = fixture();
        let (tenant, id) = (TenantId::parse("t").unwrap(), AccountId::parse("1").unwrap());
        let account = directory.by_id(&tenant, &id).await.unwrap();
        assert_eq!(account.state, AccountState::Suspended);
        assert_eq!((account.user_id.as_str(), account.max_devices), ("1", Some(2)));
        std::fs::write(file.path(), r#"{"accounts":[{"id":"1"}]}"#).unwrap();
        watcher.poll();
        let account = directory.current(&tenant, &id).await.unwrap().unwrap();
        assert_eq!(account.state, AccountState::Active);
        let gone = AccountId::parse("2").unwrap();
        assert_eq!(directory.current(&tenant, &gone).await, Err(AccountError::Unknown));
    }

    #[test]
    fn all_problems_of_a_file_are_told_at_once() {
        let bad = r#"{"accounts":[{"id":"1","state":"gone"},{"id":""},{"id":"3","subjects":[1]},
            {"id":"4"},{"id":"4"},{"id":"5","subjekts":[]}]}"#;
        let error = Accounts::parse(bad.as_bytes()).err().unwrap();
        for path in ["accounts.0.state", "accounts.1.id", "accounts.2.subjects.0", "accounts.4.id"]
        {
            assert!(error.contains(path), "{path} in {error}");
        }
    }
}
