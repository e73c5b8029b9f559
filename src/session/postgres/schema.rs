//! The tables: which version of them is there, and bringing them up to date. Several nodes
//! may start at once: they migrate one after the other, in one transaction each, and all but
//! the first find nothing to do. Where nothing is to be done, nothing is locked and no right
//! to create tables is needed.

use serde::Deserialize;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::error::{self, Error};
use super::row;
use super::sql::in_schema;
use crate::session::StoreError;
use crate::session::settings::Schema;
use crate::support::{Fault, FaultKind};

/// One step each; `migrations` says which a database has been through. A step must leave the
/// tables fit for the version before it: while nodes are replaced, both are running.
const MIGRATIONS: &[&str] = &[include_str!("migrations/1.sql")];

/// Whom one waits for who finds another node migrating.
const LOCK: i64 = i64::from_be_bytes(*b"\0cambio\0");

/// What is done about a schema that is not up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::session) enum Migrate {
    /// It is brought up to date.
    #[default]
    Auto,
    /// The store does not open.
    Check,
}

/// Connects to a server that is fit, says how far the schema is, and does about it what is to
/// be done.
///
/// # Errors
/// [`StoreError`]: no such server, a schema of a newer version, or one that lacks steps which
/// are not to be applied.
pub(super) async fn prepare(
    client: &Client,
    schema: &str,
    migrate: Migrate,
) -> Result<(), StoreError> {
    let (encoding, fsync) = facts(client).await.map_err(|e| e.told())?;
    if encoding != "UTF8" {
        return Err(refused(format!("the database's encoding is {encoding} and must be UTF8")));
    }
    if fsync == "off" {
        tracing::warn!("postgresql runs without fsync: a crash of its machine loses sessions");
    }
    let found = found(client, schema).await?;
    match migrate {
        _ if found.found == found.known => Ok(()),
        Migrate::Auto => apply(client, schema).await,
        Migrate::Check => Err(refused(format!(
            "schema \"{schema}\" has {} of {} steps: run cambio store migrate, or set \
             store.migrate to auto",
            found.found, found.known
        ))),
    }
}

/// How far the schema is.
///
/// # Errors
/// [`StoreError`]: also when it is further than this version knows.
pub(super) async fn found(client: &Client, schema: &str) -> Result<Schema, StoreError> {
    let found = version(client, schema).await.map_err(|e| e.told())?;
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    match u32::try_from(found) {
        Ok(found) if found <= known => Ok(Schema { found, known }),
        _ => Err(refused(format!(
            "schema \"{schema}\" was made by a newer version of cambio: it has {found} steps, \
             this one knows {known}"
        ))),
    }
}

async fn apply(client: &Client, schema: &str) -> Result<(), StoreError> {
    let told = |error: tokio_postgres::Error| Error::from(error).told();
    // One transaction: whoever fails on the way, or is killed, leaves nothing behind.
    let lock = format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED;
         SELECT pg_advisory_xact_lock({LOCK});"
    );
    client.batch_execute(&lock).await.map_err(told)?;
    let table = in_schema(
        "CREATE TABLE IF NOT EXISTS @migrations (
             version integer PRIMARY KEY,
             applied_at timestamptz NOT NULL DEFAULT now()
         )",
        schema,
    );
    // The connection is dropped with an error, and the transaction with it.
    // Somebody else may have been first, or be ahead.
    let found = found(client, schema).await?.found;
    if found == 0 && !schema_exists(client, schema).await.map_err(|e| e.told())? {
        client.batch_execute(&format!("CREATE SCHEMA \"{schema}\"")).await.map_err(told)?;
    }
    client.batch_execute(&table).await.map_err(told)?;
    let first = usize::try_from(found).unwrap_or(usize::MAX);
    for (step, text) in MIGRATIONS.iter().enumerate().skip(first) {
        let number = step + 1;
        let note = in_schema(&format!("INSERT INTO @migrations VALUES ({number})"), schema);
        client.batch_execute(&in_schema(text, schema)).await.map_err(told)?;
        client.batch_execute(&note).await.map_err(told)?;
        tracing::info!(store.schema = schema, step = number, "postgresql schema migrated");
    }
    client.batch_execute("COMMIT").await.map_err(told)
}

/// The version of the schema, 0 when there is none.
async fn version(client: &Client, schema: &str) -> Result<i32, Error> {
    // Not `to_regclass`, which may answer what the server remembers from before the lock.
    let there =
        "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                                WHERE n.nspname = $1 AND c.relname = 'migrations')";
    let row = client.query_typed_one(there, &[(&schema, Type::TEXT)]).await?;
    if !row::column::<bool>(&row, 0)? {
        return Ok(0);
    }
    let newest = in_schema("SELECT coalesce(max(version), 0) FROM @migrations", schema);
    let row = client.query_typed_one(&newest, &[]).await?;
    row::column(&row, 0)
}

async fn schema_exists(client: &Client, schema: &str) -> Result<bool, Error> {
    let there = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)";
    let row = client.query_typed_one(there, &[(&schema, Type::TEXT)]).await?;
    row::column(&row, 0)
}

/// The database's encoding, and whether the server waits for its disk.
async fn facts(client: &Client) -> Result<(String, String), Error> {
    let asked = "SELECT current_setting('server_encoding'),
                        coalesce(current_setting('fsync', true), 'on')";
    let row = client.query_typed_one(asked, &[]).await?;
    Ok((row::column(&row, 0)?, row::column(&row, 1)?))
}

fn refused(reason: String) -> StoreError {
    error::unavailable(&Fault::new(FaultKind::Refused, reason))
}
