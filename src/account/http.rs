//! `http`: asks another system which accounts there are. 404 and 410 say that there is none;
//! everything else that is not an account is "could not find out" or that system's fault, never
//! "does not exist". Nothing is kept: an account's state is asked for whenever it matters.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::register::Register;
use super::settings::BuildCx;
use super::{Account, AccountDirectory, AccountError, document};
use crate::domain::setting::{self, Problems, join};
use crate::domain::{AccountId, Clock, Subject};
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

impl Register for Http {
    const KIND: &'static str = "http";

    async fn by_id(&self, id: &AccountId) -> Result<Option<Account>, AccountError> {
        let now = self.clock.now();
        let Some(found) = self.lookup.find(&self.by_id, id.as_str(), now).await? else {
            return Ok(None);
        };
        let account = document::account(&found, &self.fields, now)?;
        document::asked_for(id.as_str(), account).map(Some)
    }

    async fn by_subject(&self, subject: &Subject) -> Result<Vec<Account>, AccountError> {
        let Some(template) = &self.by_subject else { return Ok(Vec::new()) };
        let now = self.clock.now();
        match self.lookup.find(template, subject.as_str(), now).await? {
            Some(found) => document::accounts(&found, &self.fields, now),
            None => Ok(Vec::new()),
        }
    }
}
