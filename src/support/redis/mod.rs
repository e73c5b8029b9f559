//! Redis: where a server is and how to log in ([`RedisSettings`], part of several tables),
//! and connections that come back by themselves: to one server ([`RedisLink`]), or to the
//! masters of one server, of sentinels or of a cluster ([`Masters`]). What is asked of the
//! servers is their callers' business.

mod call;
mod clock;
mod cluster;
mod lane;
mod layout;
mod link;
mod masters;
mod most;
mod node;
mod sentinel;
mod slot;

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo,
    IntoConnectionInfo, RedisConnectionInfo, TlsCertificates,
};
use serde::Deserialize;

pub use self::call::{Answer, Call, Replicas, Script};
use self::link::not_connected;
pub use self::link::{RedisLink, fault};
pub use self::masters::{Master, Masters, each};
use super::tls::{ClientTls, TlsSettings};
use super::{Fault, peer};
use crate::domain::SecretString;
use crate::domain::setting::{HumanDuration, Problems, SecretSource, join};

/// A `redis` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisSettings {
    /// A host name, an address, or the path of a socket.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The number of the database.
    pub database: u32,
    /// The user of Redis' access control list; `default` when absent.
    pub user: Option<String>,
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
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 6379,
            database: 0,
            user: None,
            password: None,
            tls: None,
            allow_plain: false,
            connect_timeout: HumanDuration::secs(1),
            timeout: HumanDuration::secs(1),
        }
    }
}

/// A server as it is configured, its secrets and certificates read. Nothing is connected.
#[derive(Debug)]
pub struct RedisServer {
    info: ConnectionInfo,
    certificates: Option<TlsCertificates>,
    connect_timeout: Duration,
    timeout: Duration,
}

impl RedisSettings {
    /// Reads the password and the certificates, noting every problem under `path`.
    pub fn load(&self, path: &str, problems: &mut Problems) -> Option<RedisServer> {
        let before = problems.len();
        let has_tls = self.tls.as_ref().is_some_and(|tls| tls.enabled);
        peer::check(&self.host, has_tls, self.allow_plain, path, problems);
        let waits = [("connect_timeout", self.connect_timeout), ("timeout", self.timeout)];
        peer::check_waits(waits, path, problems);
        if self.user.is_some() && self.password.is_none() {
            problems.push(join(path, "password"), "is missing beside user");
        }
        let at = join(path, "password");
        let password = self.password.as_ref().and_then(|p| problems.ok(&at, p.load()));
        let tls = ClientTls::load(self.tls.as_ref(), &join(path, "tls"), problems);
        if problems.len() != before {
            return None;
        }
        let tls = tls?;
        Some(RedisServer {
            info: problems.ok(path, self.info(password.as_ref(), tls.is_some()))?,
            certificates: tls.as_ref().map(certificates),
            connect_timeout: self.connect_timeout.0,
            timeout: self.timeout.0,
        })
    }

    fn info(
        &self,
        password: Option<&SecretString>,
        has_tls: bool,
    ) -> Result<ConnectionInfo, String> {
        let (host, port) = (self.host.clone(), self.port);
        let address = if peer::is_socket(&host) {
            ConnectionAddr::Unix(host.into())
        } else if has_tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        let mut log_in =
            RedisConnectionInfo::default().set_db(i64::from(self.database)).set_skip_set_lib_name();
        if let Some(user) = &self.user {
            log_in = log_in.set_username(user);
        }
        if let Some(password) = password {
            log_in = log_in.set_password(password.expose());
        }
        let info = address.into_connection_info().map_err(|e| e.category().to_owned())?;
        Ok(info.set_redis_settings(log_in))
    }
}

impl RedisServer {
    /// How the server is reached, for clients of several servers (cluster, sentinel).
    #[must_use]
    pub fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    /// The certificates of TLS, for clients of several servers.
    #[must_use]
    pub fn certificates(&self) -> Option<&TlsCertificates> {
        self.certificates.as_ref()
    }

    /// To have a connection.
    #[must_use]
    pub fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// For one answer.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A client of this one server; connects nothing.
    ///
    /// # Errors
    /// A text for the configuration's problems.
    pub fn client(&self) -> Result<Client, String> {
        let client = match &self.certificates {
            Some(certificates) => Client::build_with_tls(self.info.clone(), certificates.clone()),
            None => Client::open(self.info.clone()),
        };
        client.map_err(|e| fault(&e).reason)
    }

    /// A server at another place that is reached in the same way.
    #[must_use]
    pub fn address(&self, host: String, port: u16) -> ConnectionAddr {
        match self.info.addr() {
            ConnectionAddr::TcpTls { .. } => {
                ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
            }
            _ => ConnectionAddr::Tcp(host, port),
        }
    }

    /// A connection to a server at this place, logged in. Its answers are waited for without
    /// end.
    ///
    /// # Errors
    /// A [`Fault`], at the latest after the connect timeout.
    pub(super) async fn connect_to(
        &self,
        address: &ConnectionAddr,
    ) -> Result<MultiplexedConnection, Fault> {
        let info = self.info.clone().set_addr(address.clone());
        let client = match &self.certificates {
            Some(certificates) => Client::build_with_tls(info, certificates.clone()),
            None => Client::open(info),
        };
        let client = client.map_err(|e| not_connected(&e))?;
        let config = self.config().set_response_timeout(None);
        let made = client.get_multiplexed_async_connection_with_config(&config).await;
        made.map_err(|e| not_connected(&e))
    }

    /// The waits of a connection.
    #[must_use]
    pub fn config(&self) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(self.timeout))
    }

    /// A connection to this one server; connects at the first use.
    ///
    /// # Errors
    /// A text for the configuration's problems.
    pub fn link(&self) -> Result<RedisLink, String> {
        Ok(RedisLink::new(self.client()?, self.config(), self.timeout))
    }
}

fn certificates(tls: &ClientTls) -> TlsCertificates {
    TlsCertificates {
        client_tls: tls.own().map(|(chain, key)| ClientTlsConfig {
            client_cert: chain.to_vec(),
            client_key: key.to_vec(),
        }),
        root_cert: tls.ca().map(<[u8]>::to_vec),
    }
}

#[cfg(test)]
mod tests;
