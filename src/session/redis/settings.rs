//! What `kind = "redis"` is configured with. `session::settings` reads it, the store opens what
//! it describes.

mod servers;

use serde::Deserialize;

use crate::domain::setting::{self, HumanDuration, Problems, SecretSource};
use crate::support::redis::Replicas;
use crate::support::tls::TlsSettings;

/// The table `redis` of a store.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::session) struct RedisStoreSettings {
    /// What the nodes are.
    topology: Topology,
    /// `host:port` of the server, of the sentinels, or of some nodes of the cluster.
    nodes: Vec<String>,
    /// The name under which the sentinels know the master.
    master_name: String,
    /// The number of the database; a cluster has only 0.
    database: u32,
    /// The user of Redis' access control list; `default` when absent.
    user: Option<String>,
    /// The password.
    password: Option<SecretSource>,
    /// The same for the sentinels.
    sentinel_user: Option<String>,
    sentinel_password: Option<SecretSource>,
    /// Present and not disabled: encrypted, the sentinels too.
    tls: Option<TlsSettings>,
    /// Permits an unencrypted connection to another host than this one.
    allow_plain: bool,
    /// What all keys begin with.
    pub(super) prefix: String,
    /// Connections to each server that decides.
    connections: Option<usize>,
    /// To have a connection, log-in included.
    connect_timeout: HumanDuration,
    /// For one answer.
    timeout: HumanDuration,
    /// For one call of the store, retries included.
    pub(super) deadline: HumanDuration,
    /// How many replicas must have a write before it is acknowledged.
    wait_replicas: u32,
    /// How long they may take.
    wait_timeout: HumanDuration,
}

/// What the configured nodes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Topology {
    Standalone,
    Sentinel,
    Cluster,
}

impl Default for RedisStoreSettings {
    fn default() -> Self {
        Self {
            topology: Topology::Standalone,
            nodes: vec!["127.0.0.1:6379".to_owned()],
            master_name: "mymaster".to_owned(),
            database: 0,
            user: None,
            password: None,
            sentinel_user: None,
            sentinel_password: None,
            tls: None,
            allow_plain: false,
            prefix: "cambio:".to_owned(),
            connections: None,
            connect_timeout: HumanDuration::secs(1),
            timeout: HumanDuration::secs(1),
            deadline: HumanDuration::secs(2),
            wait_replicas: 0,
            wait_timeout: HumanDuration::millis(500),
        }
    }
}

/// While a call waits for replicas, Redis answers nothing else on its connection.
const CONNECTIONS_WHEN_WAITING: usize = 16;

impl RedisStoreSettings {
    /// Notes every problem, of the files that it names as well.
    pub(in crate::session) fn check(&self, path: &str, problems: &mut Problems) {
        let mut hold = |key: &str, holds: bool, rule: &str| {
            if !holds {
                problems.push(setting::join(path, key), rule);
            }
        };
        let one = self.topology == Topology::Standalone;
        hold("nodes", !self.nodes.is_empty(), "must name a server");
        hold("nodes", !one || self.nodes.len() < 2, "must be one unless topology says otherwise");
        let no_database = self.topology == Topology::Cluster && self.database != 0;
        hold("database", !no_database, "must be 0 in a cluster");
        hold("master_name", !self.master_name.is_empty(), "must not be empty");
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '{' | '}');
        let prefix = self.prefix.len() <= 64 && self.prefix.chars().all(plain);
        hold("prefix", prefix, "must be at most 64 visible ASCII characters without braces");
        let few = self.connections.is_none_or(|connections| (1..=256).contains(&connections));
        hold("connections", few, "must be 1 to 256");
        hold("wait_replicas", self.wait_replicas <= 16, "must be at most 16");
        for (key, wait) in [("deadline", self.deadline), ("wait_timeout", self.wait_timeout)] {
            let sane = 1..=300_000;
            hold(key, sane.contains(&wait.0.as_millis()), "must be from 1ms to 300s");
        }
        self.load(path, problems);
    }

    pub(super) fn replicas(&self) -> Option<Replicas> {
        let (count, within) = (self.wait_replicas, self.wait_timeout.0);
        (count > 0).then_some(Replicas { count, within })
    }

    fn connections(&self) -> usize {
        self.connections.unwrap_or(match self.wait_replicas {
            0 => 1,
            _ => CONNECTIONS_WHEN_WAITING,
        })
    }
}

#[cfg(test)]
mod tests;
