//! One multiplexed connection to a Redis server, made at the first use and made again after
//! it was lost or went silent. Callers that wait for it wait for one attempt together.

use std::fmt;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, Pipeline, RedisError};
use tokio::sync::Mutex;

use super::super::{Fault, FaultKind};

/// A connection that comes back by itself. It is made by the next use, never in the
/// background, and each attempt is bounded by the connect timeout.
pub struct RedisLink {
    client: Client,
    config: AsyncConnectionConfig,
    timeout: Duration,
    current: Mutex<Current>,
}

/// The connection, and which one it is.
#[derive(Default)]
struct Current {
    connection: Option<MultiplexedConnection>,
    number: u64,
    /// When the last attempt to make one failed, and why.
    failed: Option<(Instant, Fault)>,
}

/// A connection to use now.
struct Lease {
    connection: MultiplexedConnection,
    number: u64,
    /// It was there before: it may have died since it was last used.
    is_reused: bool,
}

impl RedisLink {
    /// `timeout` is how long an answer may take.
    #[must_use]
    pub fn new(client: Client, config: AsyncConnectionConfig, timeout: Duration) -> Self {
        Self { client, config, timeout, current: Mutex::default() }
    }

    /// Sends commands that change nothing in one piece and reads their answers. A connection that
    /// turns out to have died since its last use is replaced and the commands are sent once more.
    ///
    /// # Errors
    /// A [`Fault`]; at the latest at the deadline.
    pub async fn read<T: FromRedisValue>(
        &self,
        commands: &Pipeline,
        deadline: Instant,
    ) -> Result<T, Fault> {
        within(deadline, async {
            let lease = self.lease().await?;
            let is_reused = lease.is_reused;
            match self.run(lease, commands).await {
                Err(Fault { kind: FaultKind::Lost, .. }) if is_reused => {
                    let lease = self.lease().await?;
                    self.run(lease, commands).await
                }
                outcome => outcome,
            }
        })
        .await
    }

    async fn run<T: FromRedisValue>(
        &self,
        mut lease: Lease,
        commands: &Pipeline,
    ) -> Result<T, Fault> {
        let answer = commands.query_async(&mut lease.connection);
        let fault = match tokio::time::timeout(self.timeout, answer).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => fault(&error),
            Err(_) => Fault::late(),
        };
        if !matches!(fault.kind, FaultKind::Refused | FaultKind::WrongType) {
            self.forget(lease.number).await;
        }
        Err(fault)
    }

    async fn lease(&self) -> Result<Lease, Fault> {
        let asked = Instant::now();
        let mut current = self.current.lock().await;
        if let Some(connection) = &current.connection {
            let (connection, number) = (connection.clone(), current.number);
            return Ok(Lease { connection, number, is_reused: true });
        }
        // Who waited for an attempt that failed has been answered by it.
        if let Some((_, fault)) = current.failed.as_ref().filter(|(at, _)| *at >= asked) {
            return Err(fault.clone());
        }
        let made = self.client.get_multiplexed_async_connection_with_config(&self.config).await;
        let connection = match made {
            Ok(connection) => connection,
            Err(error) => {
                let fault = not_connected(&error);
                current.failed = Some((Instant::now(), fault.clone()));
                return Err(fault);
            }
        };
        current.number += 1;
        current.connection = Some(connection.clone());
        Ok(Lease { connection, number: current.number, is_reused: false })
    }

    /// Unless another one has taken its place already.
    async fn forget(&self, number: u64) {
        let mut current = self.current.lock().await;
        if current.number == number {
            current.connection = None;
        }
    }
}

impl fmt::Debug for RedisLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLink").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

async fn within<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let outcome = tokio::time::timeout_at(deadline.into(), work).await;
    outcome.unwrap_or_else(|_| Err(Fault::late()))
}

/// A connection that cannot be made: whatever the reason, nobody has seen the command.
pub(super) fn not_connected(error: &RedisError) -> Fault {
    let fault = fault(error);
    match fault.kind {
        FaultKind::Refused | FaultKind::Nonsense => fault,
        _ => Fault::new(FaultKind::NotConnected, format!("cannot connect: {}", fault.reason)),
    }
}

/// What an error of the client means; for connections that are not a [`RedisLink`], too. The
/// server's own text is left out: it may quote a key.
#[must_use]
pub fn fault(error: &RedisError) -> Fault {
    if let Some(code) = code(error) {
        let kind = if code == "WRONGTYPE" { FaultKind::WrongType } else { FaultKind::Refused };
        return Fault::new(kind, format!("redis answers {}", word(&code)));
    }
    match error.kind() {
        ErrorKind::Io if error.is_timeout() => Fault::late(),
        ErrorKind::Io => {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            let cause = cause.unwrap_or_else(|| error.category().to_ascii_lowercase());
            Fault::new(FaultKind::Lost, format!("connection failed: {cause}"))
        }
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => {
            Fault::new(FaultKind::Nonsense, "answer is not one of redis")
        }
        _ => Fault::new(FaultKind::Refused, error.category().to_ascii_lowercase()),
    }
}

/// The code of the server's error; the first one's, if several commands were sent together.
fn code(error: &RedisError) -> Option<String> {
    let several = error.clone().into_server_errors();
    let first = several.as_ref().and_then(|errors| errors.first());
    first.map(|(_, error)| error.code().to_owned()).or_else(|| error.code().map(str::to_owned))
}

/// The first word of a server's error, if it looks like a code.
fn word(code: &str) -> &str {
    let is_code = code.len() <= 32 && code.bytes().all(|b| b.is_ascii_uppercase());
    if is_code { code } else { "an error" }
}
