//! Key rings in Redis: a hash of version and bytes each, which stays.

use async_trait::async_trait;
use redis::Value;

use super::{RedisStore, unreadable};
use crate::session::{KeyStore, StoreError, Versioned};

#[async_trait]
impl KeyStore for RedisStore {
    async fn load_keys(&self, name: &str) -> Result<Option<Versioned>, StoreError> {
        let key = self.names.ring(name);
        let call = || {
            let mut both = redis::cmd("HMGET");
            both.arg(&key).arg("version").arg("bytes");
            both.into()
        };
        let Value::Array(found) = self.read(&key, call).await? else {
            return Err(unreadable("key ring"));
        };
        match &found[..] {
            [Value::Nil, Value::Nil] => Ok(None),
            [Value::BulkString(version), Value::BulkString(bytes)] => {
                let version = std::str::from_utf8(version).ok().and_then(|v| v.parse().ok());
                let version = version.ok_or_else(|| unreadable("key ring"))?;
                Ok(Some(Versioned { version, bytes: bytes.clone() }))
            }
            _ => Err(unreadable("key ring")),
        }
    }

    async fn swap_keys(&self, name: &str, expected: u64, bytes: &[u8]) -> Result<bool, StoreError> {
        let key = self.names.ring(name);
        let next = expected.saturating_add(1).to_string();
        self.write(
            &self.scripts.swap,
            &[&key],
            &[expected.to_string().as_bytes(), next.as_bytes(), bytes],
        )
        .await?
        .did_it()
    }
}
