//! A Redis server that decides: one of a fixed place, or whoever the sentinels say is master.
//! Calls go over a few connections in turn, many at a time on each.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use redis::{ConnectionAddr, RedisResult, Value};

use super::call::{Call, Reply};
use super::clock::ServerClock;
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
        let lane = &self.lanes[self.turn.fetch_add(1, Ordering::Relaxed) % self.lanes.len()];
        let live = lane.live(|| self.place.clone().connect()).await?;
        if live.clock.is_due() {
            let (place, live) = (self.place.clone(), Arc::clone(&live));
            tokio::spawn(async move { read_clock(&place, &live).await });
        }
        let until = Instant::now() + self.place.server().timeout() + call.extra_time();
        let exchanged = self.exchange(&live, call, asking, until);
        let outcome = match tokio::time::timeout_at(until.into(), exchanged).await {
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

    /// A call that comes too late by the server's clock may only do so because that was set: it is
    /// read and, for as long as the answer is waited for, the call sent once more.
    async fn exchange(
        &self,
        live: &Live,
        call: &Call,
        asking: bool,
        until: Instant,
    ) -> Result<Reply, Fault> {
        let reply = exchange(live, call, asking, until).await?;
        if !matches!(reply, Reply::TooLate) {
            return Ok(reply);
        }
        read_clock(&self.place, live).await?;
        exchange(live, call, asking, until).await
    }
}

async fn read_clock(place: &Place, live: &Live) -> Result<(), Fault> {
    live.clock.read_again(place.server(), &mut live.connection()).await
}

/// Over one connection, whose own timeout is the longer one.
async fn exchange(live: &Live, call: &Call, asking: bool, until: Instant) -> Result<Reply, Fault> {
    let mut connection = live.connection();
    let command = call.command(until, |moment| live.clock.at(moment));
    let Some((pipeline, skipped)) = call.pipeline(&command, asking) else {
        let value = settled(connection.send_packed_command(&command).await)?;
        return Reply::read(value, None);
    };
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
        let mut connection = match &self {
            Self::At(address, server) => server.connect_to(address).await,
            Self::Master(sentinels) => sentinels.connect().await,
        }?;
        let clock = ServerClock::read(self.server(), &mut connection).await.map_err(unusable)?;
        Ok(Live::new(connection, clock))
    }
}

/// A connection that is lost before it was used is none.
fn unusable(fault: Fault) -> Fault {
    match fault.kind {
        FaultKind::Lost | FaultKind::Late => {
            Fault::new(FaultKind::NotConnected, format!("cannot connect: {}", fault.reason))
        }
        _ => fault,
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
