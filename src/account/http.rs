//! `http`: asks another system which accounts there are. 404 and 410 say that there is none;
//! everything else that is not an account is "could not find out" or that system's fault, never
//! "does not exist". Nothing is kept: an account's state is asked for whenever it matters.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use super::settings::BuildCx;
use super::{Account, AccountDirectory, AccountError, document};
use crate::domain::setting::{self, Problems, join};
use crate::domain::{AccountId, Clock, TenantId, Verified};
use crate::sso::lookup::{Lookup, LookupSettings, Projection, Template};

/// The `http` table, without how the system is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The URL of one account, with `{key}` for its id.
    by_id: String,
    /// The URL of a subject's accounts, with `{key}` for the subject.
    by_subject: Option<String>,
    /// Where an answer says what, if not under an account's own names.
    #[serde(default)]
    fields: Projection,
}

impl Settings {
    /// Reads the table at `path` and builds the directory; asks nobody.
    pub(super) fn build(
        mut table: Value,
        path: &str,
        cx: &BuildCx<'_>,
        problems: &mut Problems,
    ) -> Option<Arc<dyn AccountDirectory>> {
        let before = problems.len();
        let asking = LookupSettings::take(&mut table, path, problems);
        let own: Option<Self> = setting::parse(table, path, problems);
        let (asking, own) = (asking?, own?);
        document::check(&own.fields, &join(path, "fields"), problems);
        let by_id = problems.ok(&join(path, "by_id"), asking.template(&own.by_id));
        let by_subject = own.by_subject.map(|text| asking.template(&text)).transpose();
        let by_subject = problems.ok(&join(path, "by_subject"), by_subject);
        let lookup = asking.build(path, cx.watcher, problems);
        let directory = Http {
            lookup: lookup?,
            by_id: by_id?,
            by_subject: by_subject?,
            fields: own.fields,
            clock: Arc::clone(cx.clock),
        };
        (problems.len() == before).then(|| Arc::new(directory) as _)
    }
}

#[derive(Debug)]
struct Http {
    lookup: Lookup,
    by_id: Template,
    by_subject: Option<Template>,
    fields: Projection,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl AccountDirectory for Http {
    fn kind(&self) -> &'static str {
        "http"
    }

    /// What the validator asserts decides, among the accounts that exist; the subject is asked
    /// about only when it asserts nothing.
    async fn matching(&self, _: &TenantId, who: &Verified) -> Result<Vec<Account>, AccountError> {
        let mut matching = Vec::new();
        if who.accounts.is_empty() {
            let Some(template) = &self.by_subject else { return Err(AccountError::Unknown) };
            let now = self.clock.now();
            if let Some(found) = self.lookup.find(template, who.subject.as_str(), now).await? {
                matching = document::accounts(&found, &self.fields, now)?;
            }
        }
        for asserted in &who.accounts {
            matching.extend(self.one(&asserted.id).await?);
        }
        document::distinct(matching)
    }

    async fn by_id(&self, _: &TenantId, id: &AccountId) -> Result<Account, AccountError> {
        self.one(id).await?.ok_or(AccountError::Unknown)
    }

    async fn current(
        &self,
        tenant: &TenantId,
        id: &AccountId,
    ) -> Result<Option<Account>, AccountError> {
        self.by_id(tenant, id).await.map(Some)
    }
}

impl Http {
    async fn one(&self, id: &AccountId) -> Result<Option<Account>, AccountError> {
        let now = self.clock.now();
        let Some(found) = self.lookup.find(&self.by_id, id.as_str(), now).await? else {
            return Ok(None);
        };
        let account = document::account(&found, &self.fields, now)?;
        document::asked_for(id.as_str(), account).map(Some)
    }
}
