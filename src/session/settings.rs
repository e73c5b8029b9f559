//! Which session stores there are: reads the `[store]` table and opens what it describes.
//! `config` calls [`parse`], `app` calls [`StoreSettings::open`] at boot. The only way to
//! the backends, which are private.

use std::num::NonZeroUsize;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::memory::MemoryStore;
use super::postgres::PostgresStore;
use super::postgres::settings::{PostgresStoreSettings, more_connections};
use super::redis::RedisStore;
use super::redis::settings::RedisStoreSettings;
use super::sqlite::SqliteStore;
use super::sqlite::settings::SqliteSettings;
use super::{Store, StoreError};
use crate::domain::setting::{self, Problems};

/// A store as it is configured. Two that are equal describe the same store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Memory(MemorySettings),
    Sqlite(SqliteSettings),
    Postgres(Box<PostgresStoreSettings>),
    Redis(Box<RedisStoreSettings>),
}

/// `kind = "memory"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct MemorySettings {
    /// The most sessions, devices and tickets it holds, each.
    capacity: NonZeroUsize,
}

/// `kind = "redis"`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RedisTable {
    /// The servers, and how they are used.
    redis: RedisStoreSettings,
}

impl StoreSettings {
    /// Opens the store, creating what is missing. Blocks on file I/O; must be called on a
    /// Tokio runtime, which drives the store's connections from then on.
    ///
    /// # Errors
    /// [`StoreError`] with the file or server and the reason: its directory does not exist, it
    /// cannot be written or reached, is no store of Cambio's or was made by a newer Cambio.
    pub async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match &self.0 {
            Kind::Memory(settings) => Arc::new(MemoryStore::new(settings.capacity.get())),
            Kind::Sqlite(settings) => Arc::new(SqliteStore::open(settings)?),
            Kind::Postgres(settings) => Arc::new(PostgresStore::open(settings).await?),
            Kind::Redis(settings) => Arc::new(RedisStore::open(settings).await?),
        })
    }

    /// The same, of a store that a server may have open: for a command that does little and goes.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_beside(&self) -> Result<Arc<dyn Store>, StoreError> {
        match &self.0 {
            Kind::Sqlite(settings) => Ok(Arc::new(SqliteStore::open(&settings.beside())?)),
            _ => self.open().await,
        }
    }

    /// Looks at the schema without opening the store or changing anything.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be looked at, is no store of Cambio's or one of a newer Cambio.
    pub async fn schema(&self) -> Result<Schema, StoreError> {
        match &self.0 {
            Kind::Memory(_) | Kind::Redis(_) => Ok(Schema { found: 0, known: 0 }),
            Kind::Sqlite(settings) => SqliteStore::schema(settings),
            Kind::Postgres(settings) => PostgresStore::schema(settings).await,
        }
    }

    /// Brings the schema up to date, creating it if it is missing, as opening the store does.
    ///
    /// # Errors
    /// [`StoreError`]; the schema is then as it was.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match &self.0 {
            Kind::Memory(_) | Kind::Redis(_) => Ok(()),
            Kind::Sqlite(settings) => SqliteStore::migrate(settings),
            Kind::Postgres(settings) => PostgresStore::migrate(settings).await,
        }
    }
}

/// How far a store's schema is, in steps. A backend without a schema has none on either side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// The steps it has been through; 0 when there is nothing yet.
    pub found: u32,
    /// The steps that this Cambio knows.
    pub known: u32,
}

/// A store that forgets everything when it is dropped, for checks and tests.
#[must_use]
pub fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new(MemorySettings::default().capacity.get()))
}

/// Reads the `[store]` table, which stands at `path`, noting every problem.
pub fn parse(mut value: Value, path: &str, problems: &mut Problems) -> Option<StoreSettings> {
    let kind = setting::take_kind(&mut value, path, problems)?;
    match kind.as_str() {
        "memory" => setting::parse(value, path, problems).map(|s| StoreSettings(Kind::Memory(s))),
        "sqlite" => {
            let settings: SqliteSettings = setting::parse(value, path, problems)?;
            let before = problems.len();
            settings.check(path, problems);
            (problems.len() == before).then_some(StoreSettings(Kind::Sqlite(settings)))
        }
        "postgres" => {
            more_connections(&mut value);
            let settings: PostgresStoreSettings = setting::parse(value, path, problems)?;
            let before = problems.len();
            settings.check(path, problems);
            (problems.len() == before).then_some(StoreSettings(Kind::Postgres(Box::new(settings))))
        }
        "redis" => {
            let RedisTable { redis: settings } = setting::parse(value, path, problems)?;
            let before = problems.len();
            settings.check(&setting::join(path, "redis"), problems);
            (problems.len() == before).then(|| StoreSettings(Kind::Redis(Box::new(settings))))
        }
        other => {
            let message =
                format!("unknown kind {other:?}, there are memory, sqlite, redis and postgres");
            problems.push(setting::join(path, "kind"), message);
            None
        }
    }
}

impl Default for MemorySettings {
    fn default() -> Self {
        Self { capacity: NonZeroUsize::MIN.saturating_add(999_999) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems_of(value: Value) -> Vec<String> {
        let mut problems = Problems::default();
        assert_eq!(parse(value, "store", &mut problems).is_none(), !problems.is_empty());
        problems.into_vec().into_iter().map(|p| p.path).collect()
    }

    #[test]
    fn defaults_are_enough() {
        assert!(problems_of(json!({"kind": "memory"})).is_empty());
        assert!(problems_of(json!({"kind": "sqlite"})).is_empty());
        assert!(problems_of(json!({"kind": "postgres"})).is_empty());
        assert!(problems_of(json!({"kind": "redis"})).is_empty());
    }

    #[test]
    fn every_problem_is_named_by_its_key() {
        assert_eq!(problems_of(json!({})), ["store.kind"]);
        assert_eq!(problems_of(json!({"kind": "other"})), ["store.kind"]);
        assert_eq!(problems_of(json!({"kind": "memory", "path": "x"})), ["store.path"]);
        assert_eq!(problems_of(json!({"kind": "memory", "capacity": 0})), ["store.capacity"]);
        let all = json!({"kind": "sqlite", "path": "", "cache_size": 1, "max_batch": 0,
            "queue": 0, "readers": 65});
        let keys = ["path", "cache_size", "max_batch", "queue", "readers"];
        assert_eq!(problems_of(all), keys.map(|key| format!("store.{key}")));
        let all = json!({"kind": "postgres", "schema": "a.b", "migrate": "never", "path": "x",
            "postgres": {"host": "10.0.0.1", "max_connections": 0}});
        assert_eq!(problems_of(all), ["store.migrate", "store.path"]);
        let all = json!({"kind": "postgres", "schema": "a.b",
            "postgres": {"host": "10.0.0.1", "max_connections": 0}});
        let keys = ["schema", "postgres.tls", "postgres.max_connections"];
        assert_eq!(problems_of(all), keys.map(|key| format!("store.{key}")));
    }
}
