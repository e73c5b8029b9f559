//! Who is master, by the word of the sentinels that watch it. Asked for each new connection, so
//! that a failover is followed as soon as the old master is lost or has become a replica.

use std::fmt;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, ConnectionAddr, FromRedisValue, Value};

use super::most::most;
use super::{RedisServer, fault};
use crate::support::{Fault, FaultKind};

/// A group of sentinels, and how to log in to the master that they know by a name.
pub(super) struct Sentinels {
    sentinels: Vec<RedisServer>,
    name: String,
    server: RedisServer,
    /// The master of the newest connection.
    last: Mutex<Option<ConnectionAddr>>,
    /// When a fault last made somebody ask.
    asked: Mutex<Option<Instant>>,
}

/// How often faults make the sentinels be asked.
const PAUSE: Duration = Duration::from_millis(500);

impl Sentinels {
    pub(super) fn new(sentinels: Vec<RedisServer>, name: String, server: RedisServer) -> Self {
        Self { sentinels, name, server, last: Mutex::default(), asked: Mutex::default() }
    }

    pub(super) fn server(&self) -> &RedisServer {
        &self.server
    }

    /// A connection to the master, which says itself that it is.
    pub(super) async fn connect(&self) -> Result<MultiplexedConnection, Fault> {
        let address = self.master().await?;
        let mut connection = self.server.connect_to(&address).await?;
        let role: Value = soon(&self.server, &redis::cmd("ROLE"), &mut connection).await?;
        if !is_master(&role) {
            let reason = "the master that sentinel names is a replica";
            return Err(Fault::new(FaultKind::NotConnected, reason));
        }
        *self.last.lock() = Some(address);
        Ok(connection)
    }

    /// Whether the newest connection's server is still the master that the sentinels name.
    pub(super) async fn has_moved(&self) -> Result<bool, Fault> {
        let master = self.master().await?;
        Ok(self.last.lock().as_ref().is_some_and(|last| *last != master))
    }

    /// Whether a fault is a reason to ask, which it is now and then.
    pub(super) fn may_be_asked(&self) -> bool {
        let mut asked = self.asked.lock();
        let may = asked.is_none_or(|at| at.elapsed() >= PAUSE);
        if may {
            *asked = Some(Instant::now());
        }
        may
    }

    async fn master(&self) -> Result<ConnectionAddr, Fault> {
        most(self.sentinels.iter().map(|sentinel| self.ask(sentinel))).await
    }

    async fn ask(&self, sentinel: &RedisServer) -> Result<ConnectionAddr, Fault> {
        let mut connection = sentinel.connect_to(sentinel.info().addr()).await?;
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("get-master-addr-by-name").arg(&self.name);
        let place: Option<(String, u16)> = soon(sentinel, &ask, &mut connection).await?;
        let unknown = || Fault::new(FaultKind::Refused, "sentinel knows no master of this name");
        let (host, port) = place.ok_or_else(unknown)?;
        Ok(self.server.address(host, port))
    }
}

/// An answer within the server's time.
pub(super) async fn soon<T: FromRedisValue>(
    server: &RedisServer,
    command: &Cmd,
    connection: &mut MultiplexedConnection,
) -> Result<T, Fault> {
    match tokio::time::timeout(server.timeout(), command.query_async(connection)).await {
        Ok(answer) => answer.map_err(|e| fault(&e)),
        Err(_) => Err(Fault::late()),
    }
}

/// Whether an answer of `ROLE` says so.
fn is_master(role: &Value) -> bool {
    let Value::Array(parts) = role else { return false };
    matches!(parts.first(), Some(Value::BulkString(name)) if name == b"master")
}

impl fmt::Debug for Sentinels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sentinels").field("name", &self.name).finish_non_exhaustive()
    }
}
