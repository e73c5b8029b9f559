//! The `postgres` table, part of several tables: one server (`host` and `port`), or several of
//! which one takes writes (`hosts`); how to log in, and how long to wait. Reads secrets and
//! certificates, connects nothing.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, SslMode};

use super::PostgresServer;
use super::hosts::{Host, Hosts};
use crate::domain::setting::{HumanDuration, Problem, Problems, SecretSource, join};
use crate::support::peer;
use crate::support::tls::{ClientTls, TlsSettings};

/// The most servers that one database may have.
const MOST_HOSTS: usize = 16;

/// A `postgres` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PostgresSettings {
    /// A host name, an address, or the directory of a socket; this machine when absent.
    pub host: Option<String>,
    /// The TCP port, or the socket's number; 5432 when absent.
    pub port: Option<u16>,
    /// Instead of both: `host:port` of each server that the database may be on.
    pub hosts: Option<Vec<String>>,
    /// The database's name; the user's name when absent.
    pub database: Option<String>,
    /// The role.
    pub user: String,
    /// The password.
    pub password: Option<SecretSource>,
    /// Present and not disabled: encrypted.
    pub tls: Option<TlsSettings>,
    /// Permits an unencrypted connection to another host than this one.
    pub allow_plain: bool,
    /// To have a connection, log-in included.
    pub connect_timeout: HumanDuration,
    /// For one answer; a request's own deadline may be sooner.
    pub timeout: HumanDuration,
    /// The most connections at the same time.
    pub max_connections: usize,
}

impl Default for PostgresSettings {
    fn default() -> Self {
        Self {
            host: None,
            port: None,
            hosts: None,
            database: None,
            user: "cambio".to_owned(),
            password: None,
            tls: None,
            allow_plain: false,
            connect_timeout: HumanDuration::secs(2),
            timeout: HumanDuration::secs(2),
            max_connections: 4,
        }
    }
}

impl PostgresSettings {
    /// Notes every problem that can be told without reading a file, under `path`.
    pub fn check(&self, path: &str, problems: &mut Problems) {
        self.places(path, problems);
        let waits = [("connect_timeout", self.connect_timeout), ("timeout", self.timeout)];
        peer::check_waits(waits, path, problems);
        if !(1..=256).contains(&self.max_connections) {
            problems.push(join(path, "max_connections"), "must be 1 to 256");
        }
        // The protocol ends its texts with a zero byte.
        let is_name = |name: &str| !name.is_empty() && !name.contains('\0');
        if !is_name(&self.user) {
            problems.push(join(path, "user"), "must be a name");
        }
        if self.database.as_deref().is_some_and(|name| !is_name(name)) {
            problems.push(join(path, "database"), "must be a name");
        }
    }

    /// Reads the password and the certificates, noting every problem under `path`.
    pub fn load(&self, path: &str, problems: &mut Problems) -> Option<Arc<PostgresServer>> {
        let before = problems.len();
        self.check(path, problems);
        let at = join(path, "password");
        let password = self.password.as_ref().and_then(|p| problems.ok(&at, p.load()));
        let tls = ClientTls::load(self.tls.as_ref(), &join(path, "tls"), problems);
        if problems.len() != before {
            return None;
        }
        let places = self.places(path, problems);
        let hosts = places.into_iter().map(|(host, port)| {
            let mut config = self.config(&host, port);
            if let Some(password) = &password {
                config.password(password.expose());
            }
            Host { name: format!("{host}:{port}"), config }
        });
        Some(Arc::new(PostgresServer {
            hosts: Hosts::new(hosts.collect()),
            tls: tls?,
            connect_timeout: self.connect_timeout.0,
            timeout: self.timeout.0,
            max_connections: self.max_connections,
        }))
    }

    /// Where the servers are, noting what is wrong with it.
    fn places(&self, path: &str, problems: &mut Problems) -> Vec<(String, u16)> {
        let has_tls = self.tls.as_ref().is_some_and(|tls| tls.enabled);
        let Some(hosts) = &self.hosts else {
            let host = self.host.as_deref().unwrap_or("127.0.0.1");
            peer::check(host, has_tls, self.allow_plain, path, problems);
            return vec![(host.to_owned(), self.port.unwrap_or(5432))];
        };
        for (key, is_set) in [("host", self.host.is_some()), ("port", self.port.is_some())] {
            if is_set {
                problems.push(join(path, key), "is not for hosts, which say it for each server");
            }
        }
        let mut hold = |holds: bool, rule: &str| {
            if !holds {
                problems.push(join(path, "hosts"), rule);
            }
        };
        hold(!hosts.is_empty(), "must name a server");
        hold(hosts.len() <= MOST_HOSTS, "must be at most 16");
        hold((1..hosts.len()).all(|n| !hosts[..n].contains(&hosts[n])), "must not name one twice");
        let places: Option<Vec<_>> = hosts.iter().map(|text| place(text)).collect();
        hold(places.is_some(), "must be host:port each, with an IPv6 address in brackets");
        let places = places.unwrap_or_default();

        // The same rule for each; what is wrong with several is said once.
        let mut found = Problems::default();
        for (host, _) in &places {
            peer::check(host, has_tls, self.allow_plain, "", &mut found);
        }
        let mut said = Vec::new();
        for Problem { path: key, message } in found.into_vec() {
            let key = if key == "host" { "hosts".to_owned() } else { key };
            if !said.contains(&key) {
                problems.push(join(path, &key), message);
                said.push(key);
            }
        }
        places
    }

    fn config(&self, host: &str, port: u16) -> Config {
        let mut config = Config::new();
        config
            .host(host)
            .port(port)
            .user(&self.user)
            .application_name("cambio")
            .connect_timeout(self.connect_timeout.0)
            .keepalives_idle(Duration::from_secs(60))
            .tcp_user_timeout(Duration::from_secs(30))
            .channel_binding(ChannelBinding::Prefer)
            .ssl_mode(match &self.tls {
                Some(tls) if tls.enabled => SslMode::Require,
                _ => SslMode::Disable,
            });
        if let Some(database) = &self.database {
            config.dbname(database);
        }
        config
    }
}

/// The parts of `host:port`.
fn place(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(inside) => inside,
        // Where an address ends and its port begins, nobody could tell.
        None if host.contains(':') => return None,
        None => host,
    };
    let port = port.parse().ok().filter(|port| *port != 0)?;
    Some((host.to_owned(), port))
}
