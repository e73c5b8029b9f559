//! Whether the servers answer and are fit: asked at boot and for readiness.

use std::sync::atomic::Ordering;

use redis::Value;

use super::{RedisStore, unavailable};
use crate::session::StoreError;
use crate::support::redis::{Call, each};

impl RedisStore {
    /// Ready is who can reach most of the masters, each with the replicas that writes wait for.
    /// A cluster that has lost one of many still serves most accounts, and no node can do better
    /// than the others.
    pub(super) async fn ready(&self) -> Result<(), StoreError> {
        let late = || StoreError("redis: no answer in time".to_owned());
        tokio::time::timeout(self.deadline, self.look()).await.unwrap_or_else(|_| Err(late()))
    }

    async fn look(&self) -> Result<(), StoreError> {
        self.masters.look().await.map_err(|e| unavailable(&e))?;
        let masters = self.masters.all().await.map_err(|e| unavailable(&e))?;
        let info = |section: &'static str| {
            move || {
                let mut info = redis::cmd("INFO");
                info.arg(section);
                Call::from(info)
            }
        };
        let memory = each(&masters, info("memory")).await;
        self.warn_of_eviction(memory.iter().flatten());
        let (mut fit, mut why) = (0, None);
        for answer in each(&masters, info("replication")).await {
            match answer.map_err(|e| unavailable(&e)).and_then(|info| self.has_replicas(&info)) {
                Ok(()) => fit += 1,
                Err(error) => why = Some(error),
            }
        }
        match why {
            Some(why) if fit * 2 <= masters.len() => Err(why),
            _ => Ok(()),
        }
    }

    fn has_replicas(&self, replication: &Value) -> Result<(), StoreError> {
        let Some(needed) = self.replicas.map(|replicas| replicas.count) else { return Ok(()) };
        let have = field(replication, "connected_slaves").and_then(|n| n.parse().ok()).unwrap_or(0);
        if have >= needed {
            return Ok(());
        }
        Err(StoreError(format!("redis: a master has {have} replicas, wait_replicas is {needed}")))
    }

    /// Says, once until it is put right, that sessions and key rings may be thrown away.
    fn warn_of_eviction<'a>(&self, memory: impl Iterator<Item = &'a Value>) {
        let mut policies = memory.filter_map(evicts);
        let Some(policy) = policies.next() else {
            self.warned.store(false, Ordering::Relaxed);
            return;
        };
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                { store.kind = "redis", redis.maxmemory_policy = policy },
                "redis may evict sessions, devices and keys when its memory is full: set maxmemory-policy to noeviction"
            );
        }
    }
}

/// The policy of a server that throws keys away when it is full.
fn evicts(memory: &Value) -> Option<String> {
    let policy = field(memory, "maxmemory_policy")?;
    (policy != "noeviction").then_some(policy)
}

/// One field of an answer of `INFO`.
fn field(info: &Value, name: &str) -> Option<String> {
    let text = match info {
        Value::BulkString(text) => std::str::from_utf8(text).ok()?,
        Value::VerbatimString { text, .. } => text,
        _ => return None,
    };
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(key, _)| *key == name).map(|(_, value)| value.trim().to_owned())
}
