//! The `postgres` backend: many nodes on one PostgreSQL, or on what speaks its protocol,
//! directly or through a transaction-pooling proxy. Opened by `session::settings` only.
//! `call.rs` carries operations out, `sql.rs` has every statement and says why none can
//! deadlock; the rest is one file a noun.

mod begin;
mod call;
mod devices;
mod error;
mod keys;
mod look;
mod on;
mod page;
mod pool;
mod primary;
mod refresh;
mod row;
mod schema;
mod sessions;
pub(super) mod settings;
mod sql;
mod stall;
mod sweep;
mod tickets;
mod value;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use super::settings::Schema;
use super::{Store, StoreError};
use crate::domain::setting::Problems;
use call::Shared;
use pool::Pool;
use schema::Migrate;
use settings::PostgresStoreSettings;
use sql::Statements;
use stall::Stall;

/// A database that has been reached and has the right schema.
pub(super) struct PostgresStore {
    shared: Arc<Shared>,
    schema: String,
}

/// How long opening may take, waiting for another node that migrates included.
const PATIENCE: Duration = Duration::from_secs(60);

impl PostgresStore {
    /// Connects, brings the schema up to date or checks that it is.
    ///
    /// # Errors
    /// [`StoreError`] with the reason: a file or password that cannot be read, no connection, a
    /// server that is not fit, a schema of another version.
    pub(super) async fn open(settings: &PostgresStoreSettings) -> Result<Self, StoreError> {
        let store = Self::of(settings)?;
        let client = store.connect().await?;
        let prepared = schema::prepare(&client, &store.schema, settings.migrate);
        in_time(prepared).await?;
        Ok(store)
    }

    /// How far the schema is.
    ///
    /// # Errors
    /// As for opening; not if it lacks steps.
    pub(super) async fn schema(settings: &PostgresStoreSettings) -> Result<Schema, StoreError> {
        let store = Self::of(settings)?;
        let client = store.connect().await?;
        in_time(schema::found(&client, &store.schema)).await
    }

    /// Brings the schema up to date, whatever the settings say.
    ///
    /// # Errors
    /// As for opening; the schema is then as it was.
    pub(super) async fn migrate(settings: &PostgresStoreSettings) -> Result<(), StoreError> {
        let store = Self::of(settings)?;
        let client = store.connect().await?;
        in_time(schema::prepare(&client, &store.schema, Migrate::Auto)).await
    }

    /// One that has not connected yet.
    fn of(settings: &PostgresStoreSettings) -> Result<Self, StoreError> {
        let mut problems = Problems::default();
        let Some(server) = settings.postgres.load("store.postgres", &mut problems) else {
            let problems: Vec<_> = problems.into_vec().iter().map(ToString::to_string).collect();
            return Err(StoreError(problems.join("; ")));
        };
        let timeout = server.timeout();
        let sql = Arc::new(Statements::new(&settings.schema));
        let pool = Pool::new(server, Arc::clone(&sql), settings.prepared_statements);
        let shared = Shared { pool, sql, timeout, stall: Stall::default() };
        Ok(Self { shared: Arc::new(shared), schema: settings.schema.clone() })
    }

    async fn connect(&self) -> Result<Client, StoreError> {
        let connected = self.shared.pool.connect(Instant::now() + PATIENCE);
        connected.await.map(|(client, _)| client)
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(PATIENCE, work).await.map_err(|_| error::late())?
}

impl Store for PostgresStore {
    fn kind(&self) -> &'static str {
        "postgres"
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("schema", &self.schema).finish_non_exhaustive()
    }
}
