//! Key rings in PostgreSQL.

use async_trait::async_trait;

use super::call::Operation;
use super::error::Error;
use super::on::On;
use super::value::Value;
use super::{PostgresStore, row};
use crate::session::{KeyStore, StoreError, Versioned};

#[async_trait]
impl KeyStore for PostgresStore {
    async fn load_keys(&self, name: &str) -> Result<Option<Versioned>, StoreError> {
        self.call(Load(name.to_owned())).await
    }

    async fn swap_keys(&self, name: &str, expected: u64, bytes: &[u8]) -> Result<bool, StoreError> {
        let Ok(expected) = i64::try_from(expected) else { return Ok(false) };
        self.call(Swap { name: name.to_owned(), expected, bytes: bytes.to_vec() }).await
    }
}

struct Load(String);

impl Operation for Load {
    type Answer = Option<Versioned>;

    const WRITES: bool = false;

    async fn run(&self, on: On<'_>) -> Result<Option<Versioned>, Error> {
        let found = on.row(&on.sql.load_keys, &[Value::Text(&self.0)]).await?;
        let Some(found) = found else { return Ok(None) };
        let version = row::column::<i64>(&found, 0)?.cast_unsigned();
        Ok(Some(Versioned { version, bytes: row::column(&found, 1)? }))
    }
}

struct Swap {
    name: String,
    expected: i64,
    bytes: Vec<u8>,
}

/// Carried out once more after it happened, it says that somebody else was first: load again.
impl Operation for Swap {
    type Answer = bool;

    async fn run(&self, on: On<'_>) -> Result<bool, Error> {
        let (name, bytes) = (Value::Text(&self.name), Value::Bytes(&self.bytes));
        let changed = if self.expected == 0 {
            on.execute(&on.sql.create_keys, &[name, bytes]).await?
        } else {
            on.execute(&on.sql.swap_keys, &[name, bytes, Value::Int8(self.expected)]).await?
        };
        Ok(changed == 1)
    }
}
