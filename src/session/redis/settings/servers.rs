//! The servers that the settings describe: each node with what it takes to log in to it.

use super::{RedisStoreSettings, Topology};
use crate::domain::setting::{self, Problems};
use crate::session::StoreError;
use crate::support::redis::{Masters, RedisServer, RedisSettings};

impl RedisStoreSettings {
    /// What the settings describe.
    ///
    /// # Errors
    /// [`StoreError`] when a file has changed since [`Self::check`].
    pub(in crate::session::redis) fn masters(&self) -> Result<Masters, StoreError> {
        let mut problems = Problems::default();
        self.load("store.redis", &mut problems).ok_or_else(|| {
            let texts = problems.into_vec().into_iter().map(|p| p.to_string());
            StoreError(texts.collect::<Vec<_>>().join("; "))
        })
    }

    /// Reads the files that the settings name, noting every problem once.
    pub(super) fn load(&self, path: &str, problems: &mut Problems) -> Option<Masters> {
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
