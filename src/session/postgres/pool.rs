//! Connections that are made when they are needed and kept for the next call. A bounded number
//! of calls has one at a time, the others wait their turn until their deadline. Knows nothing
//! of what is asked; says of a new connection whether its server can be trusted with sessions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{Client, Statement};

use super::error::{self, Error};
use super::primary::{Newest, Primary};
use super::row;
use super::sql::Statements;
use super::value;
use crate::session::StoreError;
use crate::support::Fault;
use crate::support::FaultKind;
use crate::support::postgres::PostgresServer;

/// How long a connection is used: so that its [`ServerClock`] drifts by no more than a part of
/// a second, and that nodes find their way to a server that has come back behind a balancer.
const LIFETIME: Duration = Duration::from_secs(1800);

/// Connections to the server, or to the one of several that is the primary.
pub(super) struct Pool {
    server: Arc<PostgresServer>,
    primary: Primary,
    /// Whether the server is to remember the statement that is sent most.
    is_preparing: bool,
    places: Arc<Semaphore>,
    idle: Mutex<Idle>,
}

/// A connection and what is known of it.
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) clock: ServerClock,
    /// `sql.rotate`, if the server is to remember it.
    pub(super) rotate: Option<Statement>,
}

/// What nobody uses at the moment, the last used last: so that after a burst the first ones
/// stay unused and can be told apart from those that are needed.
#[derive(Default)]
struct Idle {
    /// Goes up when everything that is connected is given up.
    epoch: u64,
    connections: Vec<Connection>,
}

/// A connection that a call has to itself.
pub(super) struct Held {
    pub(super) connection: Connection,
    epoch: u64,
    /// It was there before: it may have died since it was last used.
    pub(super) is_reused: bool,
}

/// The server's clock, as read once on a connection: what a statement says of its own lateness
/// must be in the server's time, which need not be this machine's.
#[derive(Clone, Copy)]
pub(super) struct ServerClock {
    read_at: Instant,
    epoch_secs: f64,
}

impl ServerClock {
    /// The server's time at a moment of this machine's, in seconds since the epoch; a little
    /// late, by what the reading took.
    pub(super) fn at(self, moment: Instant) -> f64 {
        self.epoch_secs + moment.saturating_duration_since(self.read_at).as_secs_f64()
    }
}

impl Pool {
    pub(super) fn new(
        server: Arc<PostgresServer>,
        sql: Arc<Statements>,
        is_preparing: bool,
    ) -> Self {
        let places = Arc::new(Semaphore::new(server.max_connections()));
        server.look_again();
        let newest = server.is_one_of_several().then(Arc::<Newest>::default);
        let primary = Primary { sql, newest };
        Self { server, primary, is_preparing, places, idle: Mutex::default() }
    }

    /// A turn to have a connection: first come, first served.
    ///
    /// # Errors
    /// None was free until the deadline.
    pub(super) async fn place(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, Fault> {
        let place = Arc::clone(&self.places).acquire_owned();
        match tokio::time::timeout_at(self.server.hope(deadline).into(), place).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Fault::new(FaultKind::NotConnected, "every connection is in use")),
        }
    }

    /// A connection for one who has a place: an idle one, or else a new one.
    ///
    /// # Errors
    /// None can be made, or its server is not one to write to.
    pub(super) async fn connection(&self, deadline: Instant) -> Result<Held, StoreError> {
        let epoch = {
            let mut idle = self.idle.lock();
            while let Some(connection) = idle.connections.pop() {
                if !connection.client.is_closed() {
                    return Ok(Held { connection, epoch: idle.epoch, is_reused: true });
                }
            }
            idle.epoch
        };
        let (client, clock) = self.connect(deadline).await?;
        let rotate = match self.is_preparing {
            false => None,
            true => {
                let prepared = client.prepare_typed(&self.primary.sql.rotate, &value::ROTATE);
                let prepared = tokio::time::timeout_at(deadline.into(), prepared).await;
                let prepared = prepared.map_err(|_| error::late())?;
                Some(prepared.map_err(|e| Error::from(e).told())?)
            }
        };
        let connection = Connection { client, clock, rotate };
        Ok(Held { connection, epoch, is_reused: false })
    }

    /// A new connection, to a server that is fit. Nothing is asked of its tables.
    ///
    /// # Errors
    /// None can be made, or its server is not one to write to.
    pub(super) async fn connect(
        &self,
        deadline: Instant,
    ) -> Result<(Client, ServerClock), StoreError> {
        let connected = self.server.connect_to(&self.primary, deadline).await;
        connected.map_err(|fault| error::unavailable(&fault))
    }

    /// Takes a connection back, on which nothing is under way.
    pub(super) fn give_back(&self, held: Held) {
        let mut idle = self.idle.lock();
        let connection = held.connection;
        let is_worn = connection.clock.read_at.elapsed() > LIFETIME;
        if is_worn {
            self.server.look_again();
        }
        if held.epoch == idle.epoch && !connection.client.is_closed() && !is_worn {
            idle.connections.push(connection);
        }
    }

    /// Gives up every connection that is there now: when one has died, or its server is no
    /// longer the primary, the same is likely of the others.
    pub(super) fn forget(&self) {
        let mut idle = self.idle.lock();
        idle.epoch = idle.epoch.wrapping_add(1);
        idle.connections.clear();
        self.server.look_again();
    }

    /// Looks for the primary with the next connection that is made: one that has not answered may
    /// be one no longer.
    pub(super) fn doubt(&self) {
        self.server.look_again();
    }
}

/// Whether the server takes writes, and keeps what it has acknowledged; and what time it is
/// there.
///
/// # Errors
/// [`Error::Unfit`] when it does not.
pub(super) async fn check(client: &Client, sql: &Statements) -> Result<ServerClock, Error> {
    let read_at = Instant::now();
    let row = client.query_typed_one(&sql.check, &[]).await?;
    let unfit = |reason: &str| Err(Error::Unfit(Fault::new(FaultKind::Refused, reason)));
    if row::column(&row, 0)? {
        return unfit("the server is read-only: a standby, or one whose disk is full");
    }
    if row::column::<&str>(&row, 1)? == "off" {
        return unfit("synchronous_commit is off: what is acknowledged could be lost");
    }
    Ok(ServerClock { read_at, epoch_secs: row::column(&row, 2)? })
}
