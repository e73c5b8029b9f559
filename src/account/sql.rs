//! `sql`: accounts in a PostgreSQL database. Each query has one parameter and runs read-only; its
//! columns have the names of an account's members, or `fields` says which they are. No row is the
//! database's word that there is none; everything else that is not a row is "could not find out".

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use super::document::MAX_ACCOUNTS;
use super::register::Register;
use super::settings::BuildCx;
use super::{Account, AccountDirectory, AccountError, document};
use crate::domain::setting::{Problems, join};
use crate::domain::{AccountId, Clock, Subject};
use crate::sso::lookup::Projection;
use crate::support::postgres::{Fetch, PostgresSettings, Statement};
use crate::support::{Fault, FaultKind};

/// The longest that a query may take, whatever the server's own timeout says.
const LONGEST: Duration = Duration::from_secs(30);

/// The `sql` table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Selects the one account whose id is `$1`.
    by_id: String,
    /// Selects the accounts of the subject `$1`.
    by_subject: Option<String>,
    /// Which column is what, if they have not an account's own names.
    #[serde(default)]
    fields: Projection,
    #[serde(default)]
    postgres: PostgresSettings,
}

impl Settings {
    /// Checks the queries and builds the directory; connects nothing.
    pub(super) fn build(
        self,
        path: &str,
        cx: &BuildCx<'_>,
        problems: &mut Problems,
    ) -> Option<Arc<dyn AccountDirectory>> {
        let before = problems.len();
        document::check(&self.fields, &join(path, "fields"), problems);
        let by_id = problems.ok(&join(path, "by_id"), Statement::parse(&self.by_id));
        let by_subject = self.by_subject.as_deref().map(Statement::parse).transpose();
        let by_subject = problems.ok(&join(path, "by_subject"), by_subject);
        let server = self.postgres.load(&join(path, "postgres"), problems);
        let directory = Sql {
            fetch: Fetch::new(server?.pool()),
            by_id: by_id?.as_json(),
            by_subject: by_subject?.map(|query| query.as_json()),
            fields: self.fields,
            clock: Arc::clone(cx.clock),
        };
        (problems.len() == before).then(|| Arc::new(directory) as _)
    }
}

#[derive(Debug)]
struct Sql {
    fetch: Fetch,
    by_id: Statement,
    by_subject: Option<Statement>,
    fields: Projection,
    clock: Arc<dyn Clock>,
}

impl Register for Sql {
    const KIND: &'static str = "sql";

    async fn by_id(&self, id: &AccountId) -> Result<Option<Account>, AccountError> {
        let found = self.accounts(&self.by_id, id.as_str(), 1).await?.pop();
        found.map(|account| document::asked_for(id.as_str(), account)).transpose()
    }

    async fn by_subject(&self, subject: &Subject) -> Result<Vec<Account>, AccountError> {
        let Some(query) = &self.by_subject else { return Ok(Vec::new()) };
        self.accounts(query, subject.as_str(), MAX_ACCOUNTS).await
    }
}

impl Sql {
    async fn accounts(
        &self,
        query: &Statement,
        key: &str,
        most: usize,
    ) -> Result<Vec<Account>, AccountError> {
        // PostgreSQL's texts have no zero byte, so that no row can have this key.
        if key.contains('\0') {
            return Ok(Vec::new());
        }
        let rows = self.fetch.texts(query, key, most, Instant::now() + LONGEST).await?;
        let now = self.clock.now();
        let read = |row: &String| {
            let document: Value = serde_json::from_str(row)
                .map_err(|_| AccountError::Upstream("a row is no JSON".to_owned()))?;
            document::account(&document, &self.fields, now)
        };
        rows.iter().map(read).collect()
    }
}

impl From<Fault> for AccountError {
    fn from(fault: Fault) -> Self {
        match fault.kind {
            FaultKind::NotConnected | FaultKind::Lost | FaultKind::Late | FaultKind::Refused => {
                Self::Unavailable(fault.reason)
            }
            FaultKind::WrongType | FaultKind::Nonsense => Self::Upstream(fault.reason),
        }
    }
}
