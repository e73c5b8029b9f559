//! The `sql_session` table: reads it, checks the queries and builds the validator.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::super::asks::Asks;
use super::super::stored;
use super::SqlSession;
use crate::domain::setting::{self, Problems, join};
use crate::support::postgres::{Fetch, PostgresSettings, Statement};

/// Without what is common to both kinds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Settings {
    /// Selects `data` and `expires_at`, and what else `fields` point at, by the session's id.
    query: String,
    #[serde(default)]
    postgres: PostgresSettings,
}

impl Settings {
    /// Reads the table at `path` and builds the validator; connects nothing.
    pub(in super::super) fn build(
        mut table: Value,
        path: &str,
        problems: &mut Problems,
    ) -> Option<Arc<dyn Asks>> {
        let common = stored::Settings::take(&mut table, path, problems);
        let own: Option<Self> = setting::parse(table, path, problems);
        let (common, own) = (common?, own?);
        let before = problems.len();
        let query = problems.ok(&join(path, "query"), Statement::parse(&own.query));
        let at = join(&join(path, "django"), "user_query");
        let user_query = common.user_query().map(Statement::parse);
        let user_query = user_query.and_then(|query| problems.ok(&at, query));
        let stored = common.build(path, problems);
        let server = own.postgres.load(&join(path, "postgres"), problems);
        let validator = SqlSession {
            stored: stored?,
            query: query?,
            user_query,
            fetch: Fetch::new(server?.pool()),
        };
        (problems.len() == before).then(|| Arc::new(validator) as _)
    }
}
