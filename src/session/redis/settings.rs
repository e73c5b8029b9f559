//! What `kind = "redis"` is configured with. `session::settings` reads it, the store opens what
//! it describes.

use serde::Deserialize;

use crate::domain::setting::{self, HumanDuration, Problems, SecretSource};
use crate::session::StoreError;
use crate::support::redis::{Masters, RedisServer, RedisSettings, Replicas};
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

    /// What the settings describe.
    ///
    /// # Errors
    /// [`StoreError`] when a file has changed since [`Self::check`].
    pub(super) fn masters(&self) -> Result<Masters, StoreError> {
        let mut problems = Problems::default();
        self.load("store.redis", &mut problems).ok_or_else(|| {
            let texts = problems.into_vec().into_iter().map(|p| p.to_string());
            StoreError(texts.collect::<Vec<_>>().join("; "))
        })
    }

    pub(super) fn replicas(&self) -> Option<Replicas> {
        let (count, within) = (self.wait_replicas, self.wait_timeout.0);
        (count > 0).then_some(Replicas { count, within })
    }

    fn load(&self, path: &str, problems: &mut Problems) -> Option<Masters> {
        // A file that is named once is read for each node; what is wrong with it is said once.
        let mut found = Problems::default();
        let servers: Vec<_> = self.nodes.iter().map(|node| self.server(node, &mut found)).collect();
        let mut known = Self::renamed(found, path, |key| if key == "host" { "nodes" } else { key });
        let mut found = Problems::default();
        let sentinels: Option<Vec<_>> = match self.topology {
            Topology::Sentinel => {
                self.nodes.iter().map(|node| self.sentinel(node, &mut found)).collect()
            }
            _ => Some(Vec::new()),
        };
        known.extend(Self::renamed(found, path, |key| match key {
            "host" => "nodes",
            "user" => "sentinel_user",
            "password" => "sentinel_password",
            key => key,
        }));
        let mut said = Vec::new();
        for problem in known {
            if !said.contains(&problem) {
                problems.push(&problem.path, &problem.message);
                said.push(problem);
            }
        }

        let connections = self.connections();
        let servers: Option<Vec<_>> = servers.into_iter().collect();
        let (server, sentinels) = (servers?.into_iter().next()?, sentinels?);
        Some(match self.topology {
            Topology::Standalone => Masters::one(server, connections),
            Topology::Cluster => Masters::cluster(server, self.nodes.clone(), connections),
            Topology::Sentinel => {
                Masters::watched(sentinels, self.master_name.clone(), server, connections)
            }
        })
    }

    fn connections(&self) -> usize {
        self.connections.unwrap_or(match self.wait_replicas {
            0 => 1,
            _ => CONNECTIONS_WHEN_WAITING,
        })
    }

    fn renamed(found: Problems, path: &str, name: impl Fn(&str) -> &str) -> Vec<setting::Problem> {
        let problems = found.into_vec().into_iter();
        problems
            .map(|setting::Problem { path: key, message }| {
                let path = setting::join(path, name(&key));
                setting::Problem { path, message }
            })
            .collect()
    }

    fn server(&self, node: &str, problems: &mut Problems) -> Option<RedisServer> {
        let Some((host, port)) = split(node) else {
            problems.push("nodes", "must be host:port each");
            return None;
        };
        RedisSettings {
            host,
            port,
            database: self.database,
            user: self.user.clone(),
            password: self.password.clone(),
            tls: self.tls.clone(),
            allow_plain: self.allow_plain,
            connect_timeout: self.connect_timeout,
            timeout: self.timeout,
        }
        .load("", problems)
    }

    fn sentinel(&self, node: &str, problems: &mut Problems) -> Option<RedisServer> {
        let login = Self {
            user: self.sentinel_user.clone(),
            password: self.sentinel_password.clone(),
            database: 0,
            ..self.clone()
        };
        login.server(node, problems)
    }
}

/// The parts of `host:port`; a path is a socket of this machine.
fn split(node: &str) -> Option<(String, u16)> {
    if node.starts_with('/') {
        return Some((node.to_owned(), 0));
    }
    let (host, port) = node.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_owned(), port.parse().ok()?))
}

#[cfg(test)]
mod tests;
