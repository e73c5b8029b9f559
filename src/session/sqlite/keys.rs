//! Key rings in SQLite.

use async_trait::async_trait;
use rusqlite::OptionalExtension;

use super::SqliteStore;
use crate::session::{KeyStore, StoreError, Versioned};

#[async_trait]
impl KeyStore for SqliteStore {
    async fn load_keys(&self, name: &str) -> Result<Option<Versioned>, StoreError> {
        self.read(|view| {
            view.db
                .prepare_cached("SELECT version, bytes FROM keys WHERE name = ?1")?
                .query_row((name,), |r| {
                    Ok(Versioned { version: r.get::<_, i64>(0)?.cast_unsigned(), bytes: r.get(1)? })
                })
                .optional()
        })
    }

    async fn swap_keys(&self, name: &str, expected: u64, bytes: &[u8]) -> Result<bool, StoreError> {
        let (name, bytes) = (name.to_owned(), bytes.to_vec());
        self.writer
            .write(move |tx| {
                let changed = if expected == 0 {
                    tx.db
                        .prepare_cached(
                            "INSERT INTO keys (name, version, bytes) VALUES (?1, 1, ?2)
                         ON CONFLICT DO NOTHING",
                        )?
                        .execute((name, bytes))?
                } else {
                    tx.db
                        .prepare_cached(
                            "UPDATE keys SET version = version + 1, bytes = ?2
                         WHERE name = ?1 AND version = ?3",
                        )?
                        .execute((name, bytes, expected.cast_signed()))?
                };
                Ok(changed == 1)
            })
            .await
    }
}
