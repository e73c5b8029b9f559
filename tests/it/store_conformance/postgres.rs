//! Stores in a real PostgreSQL, directly and through a real PgBouncer. `real` shows what only
//! this backend promises, and what each of its settings does.

mod real;

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::*;
use crate::real::pgbouncer;
use crate::real::postgres::{self, PASSWORD, USER};

/// A schema of one's own in a database that the tests share.
pub(super) struct Schema {
    database: &'static str,
    name: String,
}

impl Schema {
    /// One that is not there yet.
    pub(super) async fn fresh() -> Self {
        static DATABASE: OnceCell<String> = OnceCell::const_new();
        static LAST: AtomicU32 = AtomicU32::new(0);
        let database =
            DATABASE.get_or_init(async || postgres::shared().await.database().await).await;
        let name = format!("store{}", LAST.fetch_add(1, Ordering::Relaxed));
        Self { database, name }
    }

    /// The `[store]` table, to be reached on this port. Patient, for busy machines.
    pub(super) fn table_on(&self, port: u16) -> Value {
        let server = json!({"port": port, "database": self.database, "user": USER,
            "password": PASSWORD, "timeout": "20s", "connect_timeout": "10s"});
        json!({"kind": "postgres", "schema": self.name, "postgres": server})
    }

    /// The `[store]` table.
    pub(super) async fn table(&self) -> Value {
        self.table_on(postgres::shared().await.port)
    }

    /// The store in it.
    pub(super) async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        open(self.table().await).await
    }

    /// Runs statements beside the store; `@` is the schema.
    pub(super) async fn execute(&self, sql: &str) {
        let sql = sql.replace('@', &format!("{}.", self.name));
        postgres::shared().await.execute(self.database, &sql).await;
    }

    /// One number that a query beside the store answers; `@` is the schema.
    pub(super) async fn number(&self, sql: &str) -> i64 {
        let sql = sql.replace('@', &format!("{}.", self.name));
        let client = postgres::shared().await.connect(self.database).await.unwrap();
        client.query_one(&sql, &[]).await.unwrap().get(0)
    }
}

impl Backend {
    /// Two nodes on one database.
    pub(crate) async fn postgres() -> Self {
        let schema = Schema::fresh().await;
        let store = schema.open().await.unwrap();
        let other = schema.open().await.unwrap();
        Self { store, other, _holds: Box::new(schema) }
    }

    /// The same through a PgBouncer in transaction mode, which has fewer connections to the
    /// server than the nodes have to it.
    pub(crate) async fn pgbouncer() -> Self {
        let schema = Schema::fresh().await;
        let port = pgbouncer::shared().await.port;
        let store = open(schema.table_on(port)).await.unwrap();
        let other = open(schema.table_on(port)).await.unwrap();
        Self { store, other, _holds: Box::new(schema) }
    }
}
