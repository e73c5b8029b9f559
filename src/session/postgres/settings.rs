//! The `[store]` table of this backend, read by `session::settings`. The server itself is a
//! table that other parts have, too (`support::postgres`).

use serde::Deserialize;
use serde_json::{Map, Value};

use super::schema::Migrate;
use super::sql::is_name;
use crate::domain::setting::{self, Problems};
use crate::support::postgres::PostgresSettings;

/// `kind = "postgres"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::session) struct PostgresStoreSettings {
    /// The server.
    #[serde(default)]
    pub(in crate::session) postgres: PostgresSettings,
    /// The schema that holds the tables, of its own or shared with others' tables.
    #[serde(default = "default_schema")]
    pub(in crate::session) schema: String,
    /// What is done about tables that are missing or of an older version.
    #[serde(default)]
    pub(in crate::session) migrate: Migrate,
    /// Whether the server parses and plans the statement of a refresh once a connection, not each
    /// time. Not through a proxy that pools by transaction, unless it knows prepared statements.
    #[serde(default)]
    pub(in crate::session) prepared_statements: bool,
}

impl PostgresStoreSettings {
    /// Notes what is wrong with the table at `path`, as far as reading files is not needed.
    pub(in crate::session) fn check(&self, path: &str, problems: &mut Problems) {
        if !is_name(&self.schema) {
            let rule = "must be 1 to 63 of a-z 0-9 _, not begin with a digit or pg_";
            problems.push(setting::join(path, "schema"), rule);
        }
        self.postgres.check(&setting::join(path, "postgres"), problems);
    }
}

/// A session store has more to ask at a time than a validator, whose default is a few.
pub(in crate::session) fn more_connections(value: &mut Value) {
    let Some(table) = value.as_object_mut() else { return };
    let server = table.entry("postgres").or_insert_with(|| Value::Object(Map::new()));
    if let Some(server) = server.as_object_mut() {
        server.entry("max_connections").or_insert_with(|| 16.into());
    }
}

fn default_schema() -> String {
    "cambio".to_owned()
}
