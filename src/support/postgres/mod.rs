//! PostgreSQL: where a server is and how to log in ([`PostgresSettings`], part of several
//! tables), single connections to whichever of several servers ([`PostgresServer::connect`]) or
//! to the best of them ([`PostgresServer::connect_to`]), and a small pool of the former
//! ([`PostgresPool`]). What is asked of the server is its callers' business.
//!
//! Nothing is sent as a startup parameter that a transaction-pooling proxy would refuse, and
//! nothing here prepares a named statement: read-only and timeouts are said per transaction.

mod fetch;
mod hosts;
mod outage;
mod pool;
mod settings;
mod sqlstate;
mod statement;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

pub use self::fetch::Fetch;
use self::hosts::{Any, Hosts};
pub use self::hosts::{Fit, Wanted};
pub use self::pool::{Lease, PostgresPool};
pub use self::settings::PostgresSettings;
pub use self::statement::Statement;
use super::tls::ClientTls;
use super::{Fault, FaultKind};

/// A server as it is configured, or several that the database may be on, with secrets and
/// certificates read. Nothing is connected.
#[derive(Debug)]
pub struct PostgresServer {
    hosts: Hosts,
    tls: Option<ClientTls>,
    connect_timeout: Duration,
    timeout: Duration,
    max_connections: usize,
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

    /// Whether there are several servers to choose from.
    #[must_use]
    pub fn is_one_of_several(&self) -> bool {
        self.hosts.len() > 1
    }

    /// The next connection is to the best of all servers, however good the last one was.
    pub fn look_again(&self) {
        self.hosts.look_again();
    }

    /// Until when to wait for one of those connections whose number is bounded: until the deadline, but not
    /// for long while none can be made and those who have a place wait for that.
    #[must_use]
    pub fn hope(&self, deadline: Instant) -> Instant {
        self.hosts.hope(deadline)
    }

    /// A connection to one of the servers, logged in, driven by a task of its own that ends when
    /// the client is dropped. Must be called on a Tokio runtime.
    ///
    /// # Errors
    /// A [`Fault`]; at the latest at the deadline or after the connect timeout.
    pub async fn connect(self: &Arc<Self>, deadline: Instant) -> Result<Client, Fault> {
        self.open(deadline).await.map(|(client, _)| client)
    }

    /// The same, with a way to end the task at once.
    async fn open(self: &Arc<Self>, deadline: Instant) -> Result<(Client, AbortHandle), Fault> {
        hosts::choose(self, deadline, &Any).await.map(|((client, task), ())| (client, task))
    }

    /// A connection to the best of the servers that are wanted, and what was found out about it.
    ///
    /// # Errors
    /// A [`Fault`] when there is none; at the latest at the deadline.
    pub async fn connect_to<W: Wanted>(
        self: &Arc<Self>,
        wanted: &W,
        deadline: Instant,
    ) -> Result<(Client, W::Found), Fault> {
        hosts::choose(self, deadline, wanted).await.map(|((client, _), found)| (client, found))
    }

    /// To one of them.
    async fn open_one(
        &self,
        config: &Config,
        deadline: Instant,
    ) -> Result<(Client, AbortHandle), Fault> {
        let deadline = deadline.min(Instant::now() + self.connect_timeout);
        let made = async {
            match &self.tls {
                Some(tls) => log_in(config, MakeRustlsConnect::new(tls.config().clone())).await,
                None => log_in(config, NoTls).await,
            }
        };
        match tokio::time::timeout_at(deadline.into(), made).await {
            Ok(Ok(opened)) => Ok(opened),
            Ok(Err(error)) => Err(not_connected(&error)),
            Err(_) => Err(Fault::new(FaultKind::NotConnected, "no connection in time")),
        }
    }

    /// A pool of connections to this server; connects at the first use.
    #[must_use]
    pub fn pool(self: Arc<Self>) -> PostgresPool {
        PostgresPool::new(self)
    }
}

async fn log_in<T>(config: &Config, tls: T) -> Result<(Client, AbortHandle), tokio_postgres::Error>
where
    T: MakeTlsConnect<Socket>,
    Connection<Socket, T::Stream>: Future<Output = Result<(), tokio_postgres::Error>> + Send,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect(tls).await?;
    // Its error is the error of the query under way, which its caller gets.
    let task = tokio::spawn(async move { drop(connection.await) });
    Ok((client, task.abort_handle()))
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
