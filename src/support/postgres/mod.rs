//! PostgreSQL: where a server is and how to log in ([`PostgresSettings`], part of several
//! tables), single connections ([`PostgresServer::connect`]) and a small pool of them
//! ([`PostgresPool`]). What is asked of the server is its callers' business.
//!
//! Nothing is sent as a startup parameter that a transaction-pooling proxy would refuse, and
//! nothing here prepares a named statement: read-only and timeouts are said per transaction.

mod fetch;
mod pool;
mod sqlstate;
mod statement;

use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::task::AbortHandle;
use tokio_postgres::config::{ChannelBinding, SslMode};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

pub use self::fetch::Fetch;
pub use self::pool::{Lease, PostgresPool};
pub use self::statement::Statement;
use super::peer;
use super::tls::{ClientTls, TlsSettings};
use super::{Fault, FaultKind};
use crate::domain::setting::{HumanDuration, Problems, SecretSource, join};

/// A `postgres` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PostgresSettings {
    /// A host name, an address, or the directory of a socket.
    pub host: String,
    /// The TCP port, or the socket's number.
    pub port: u16,
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
            host: "127.0.0.1".to_owned(),
            port: 5432,
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

/// A server as it is configured, its secrets and certificates read. Nothing is connected.
#[derive(Debug)]
pub struct PostgresServer {
    config: Config,
    tls: Option<ClientTls>,
    connect_timeout: Duration,
    timeout: Duration,
    max_connections: usize,
}

impl PostgresSettings {
    /// Notes every problem that can be told without reading a file, under `path`.
    pub fn check(&self, path: &str, problems: &mut Problems) {
        let has_tls = self.tls.as_ref().is_some_and(|tls| tls.enabled);
        peer::check(&self.host, has_tls, self.allow_plain, path, problems);
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
    pub fn load(&self, path: &str, problems: &mut Problems) -> Option<PostgresServer> {
        let before = problems.len();
        self.check(path, problems);
        let at = join(path, "password");
        let password = self.password.as_ref().and_then(|p| problems.ok(&at, p.load()));
        let tls = ClientTls::load(self.tls.as_ref(), &join(path, "tls"), problems);
        if problems.len() != before {
            return None;
        }
        let mut config = self.config();
        if let Some(password) = password {
            config.password(password.expose());
        }
        Some(PostgresServer {
            config,
            tls: tls?,
            connect_timeout: self.connect_timeout.0,
            timeout: self.timeout.0,
            max_connections: self.max_connections,
        })
    }

    fn config(&self) -> Config {
        let mut config = Config::new();
        config
            .host(&self.host)
            .port(self.port)
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

impl PostgresServer {
    /// For one answer.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The most connections at the same time.
    #[must_use]
    pub fn max_connections(&self) -> usize {
        self.max_connections
    }

    /// A connection, logged in, driven by a task of its own that ends when the client is
    /// dropped. Must be called on a Tokio runtime.
    ///
    /// # Errors
    /// A [`Fault`]; at the latest at the deadline or after the connect timeout.
    pub async fn connect(&self, deadline: Instant) -> Result<Client, Fault> {
        self.open(deadline).await.map(|(client, _)| client)
    }

    /// The same, with a way to end the task at once.
    async fn open(&self, deadline: Instant) -> Result<(Client, AbortHandle), Fault> {
        let deadline = deadline.min(Instant::now() + self.connect_timeout);
        let made = async {
            match &self.tls {
                Some(tls) => self.log_in(MakeRustlsConnect::new(tls.config().clone())).await,
                None => self.log_in(NoTls).await,
            }
        };
        match tokio::time::timeout_at(deadline.into(), made).await {
            Ok(Ok(opened)) => Ok(opened),
            Ok(Err(error)) => Err(not_connected(&error)),
            Err(_) => Err(Fault::new(FaultKind::NotConnected, "no connection in time")),
        }
    }

    async fn log_in<T>(&self, tls: T) -> Result<(Client, AbortHandle), tokio_postgres::Error>
    where
        T: MakeTlsConnect<Socket>,
        Connection<Socket, T::Stream>: Future<Output = Result<(), tokio_postgres::Error>> + Send,
        T::Stream: Send + 'static,
    {
        let (client, connection) = self.config.connect(tls).await?;
        // Its error is the error of the query under way, which its caller gets.
        let task = tokio::spawn(async move { drop(connection.await) });
        Ok((client, task.abort_handle()))
    }

    /// A pool of connections to this server; connects at the first use.
    #[must_use]
    pub fn pool(self) -> PostgresPool {
        PostgresPool::new(self)
    }
}

/// A connection that cannot be made: whatever the reason, nobody has seen the query.
fn not_connected(error: &tokio_postgres::Error) -> Fault {
    let fault = fault(error);
    match fault.kind {
        FaultKind::Refused | FaultKind::Nonsense => fault,
        _ => Fault::new(FaultKind::NotConnected, format!("cannot connect: {}", fault.reason)),
    }
}

/// What an error of the client means. The server's own text is left out: it may quote a
/// parameter.
#[must_use]
pub fn fault(error: &tokio_postgres::Error) -> Fault {
    if let Some(code) = error.code() {
        let kind = match code.code().as_bytes() {
            // An operator's intervention, such as a shutdown: the connection ends.
            [b'5', b'7', b'P', ..] => FaultKind::Lost,
            // A statement that was cancelled: by its timeout.
            b"57014" => FaultKind::Late,
            // Data exceptions: a value that its type does not take.
            [b'2', b'2', ..] => FaultKind::WrongType,
            _ => FaultKind::Refused,
        };
        return Fault::new(kind, sqlstate::told(code.code()));
    }
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return Fault::new(of_io(io), format!("connection failed: {io}"));
        }
        source = inner.source();
    }
    if error.is_closed() {
        return Fault::new(FaultKind::Lost, "connection was closed");
    }
    Fault::new(FaultKind::Nonsense, "postgresql broke its protocol")
}

fn of_io(error: &std::io::Error) -> FaultKind {
    let is_tls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
    match error.kind() {
        _ if is_tls => FaultKind::Lost,
        // Of the protocol's reader: what came is no message of PostgreSQL.
        std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData => FaultKind::Nonsense,
        std::io::ErrorKind::TimedOut => FaultKind::Late,
        _ => FaultKind::Lost,
    }
}

#[cfg(test)]
mod tests;
