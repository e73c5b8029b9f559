//! A Redis server that decides: one of a fixed place, or whoever the sentinels say is master.
//! Calls go over a few connections in turn, many at a time on each.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use redis::{ConnectionAddr, RedisResult, Value};

use super::call::{Call, Reply};
use super::lane::{Lane, Live};
use super::sentinel::Sentinels;
use super::{RedisServer, fault};
use crate::support::{Fault, FaultKind};

/// A server and our connections to it.
pub(super) struct Node {
    place: Place,
    lanes: Box<[Lane]>,
    turn: AtomicUsize,
}

/// Where it is.
#[derive(Clone)]
pub(super) enum Place {
    /// At this address, with the login of `RedisServer`.
    At(ConnectionAddr, Arc<RedisServer>),
    /// Where the sentinels say.
    Master(Arc<Sentinels>),
}

impl Node {
    pub(super) fn new(place: Place, connections: usize) -> Self {
        let lanes = (0..connections.max(1)).map(|_| Lane::default()).collect();
        Self { place, lanes, turn: AtomicUsize::new(0) }
    }

    /// Gives all connections up, for better ones.
    pub(super) fn forget(&self) {
        for lane in &self.lanes {
            lane.clear();
        }
    }

    /// The host that it is at; empty where sentinels say.
    pub(super) fn host(&self) -> &str {
        match &self.place {
            Place::At(ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. }, _) => {
                host
            }
            _ => "",
        }
    }

    /// Sends a call once. Only with [`FaultKind::NotConnected`] and [`FaultKind::Refused`] it has
    /// certainly not been carried out.
    ///
    /// # Errors
    /// A [`Fault`].
    pub(super) async fn send(&self, call: &Call, asking: bool) -> Result<Reply, Fault> {
        let reply = self.try_to_send(call, asking).await?;
        if !matches!(reply, Reply::Late) {
            return Ok(reply);
        }
        // By our clock it is not late, or nobody would be here: theirs was set, and what we know of it
        // is wrong on each connection.
        self.forget();
        self.try_to_send(call, asking).await
    }

    async fn try_to_send(&self, call: &Call, asking: bool) -> Result<Reply, Fault> {
        let lane = &self.lanes[self.turn.fetch_add(1, Ordering::Relaxed) % self.lanes.len()];
        let live = lane.live(|| self.place.clone().connect()).await?;
        if call.is_abandoned() {
            return Err(Fault::late());
        }
        let timeout = self.place.server().timeout();
        let given_up = call.given_up_at(Instant::now() + timeout);
        let until = || live.clock(timeout).at(given_up);
        let exchanged = exchange(&live, call, asking, until);
        let outcome = match tokio::time::timeout_at(given_up.into(), exchanged).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Fault::late()),
        };
        let lost = match &outcome {
            Ok(reply) => matches!(reply, Reply::NotMaster),
            Err(fault) => fault.kind != FaultKind::Refused,
        };
        if lost {
            lane.forget(&live);
        }
        outcome
    }
}

/// Over one connection, whose own timeout is the longer one.
async fn exchange(
    live: &Arc<Live>,
    call: &Call,
    asking: bool,
    until: impl FnOnce() -> u64,
) -> Result<Reply, Fault> {
    let mut connection = live.connection();
    let command = call.until(until);
    if call.is_alone(asking) {
        let value = settled(connection.send_packed_command(&command).await)?;
        return Reply::read(value, None);
    }
    let (pipeline, skipped) = call.pipeline(command.into_owned(), asking);
    let count = pipeline.len();
    let replies = connection.send_packed_commands(&pipeline, 0, count).await;
    let mut replies = replies.map_err(|e| fault(&e))?.into_iter().skip(skipped);
    let missing = || Fault::new(FaultKind::Nonsense, "redis answers too little");
    Reply::read(replies.next().ok_or_else(missing)?, replies.next())
}

/// An error that the server sent is an answer, too.
fn settled(outcome: RedisResult<Value>) -> Result<Value, Fault> {
    outcome.map_err(|e| fault(&e))
}

impl Place {
    pub(super) fn server(&self) -> &RedisServer {
        match self {
            Self::At(_, server) => server,
            Self::Master(sentinels) => sentinels.server(),
        }
    }

    async fn connect(self) -> Result<Live, Fault> {
        let connection = match &self {
            Self::At(address, server) => server.connect_to(address).await,
            Self::Master(sentinels) => sentinels.connect().await,
        }?;
        Live::new(connection, self.server().timeout()).await
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place: &dyn fmt::Debug = match &self.place {
            Place::At(address, _) => address,
            Place::Master(sentinels) => sentinels,
        };
        f.debug_tuple("Node").field(place).finish()
    }
}
