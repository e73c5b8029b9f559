//! The Redis servers that decide ([`Masters`]): one server, the one that sentinels name, or the
//! masters of a cluster. A call names the key that says whose it is.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use redis::Value;

use super::RedisServer;
use super::call::{Answer, Call, Reply, too_late};
use super::cluster::Cluster;
use super::node::{Node, Place};
use super::sentinel::Sentinels;
use super::slot::slot;
use crate::support::{Fault, FaultKind};

/// The servers. Connects at the first use.
#[derive(Debug)]
pub struct Masters(Kind);

#[derive(Debug)]
enum Kind {
    One(Arc<Node>),
    Watched(Arc<Sentinels>, Arc<Node>),
    Cluster(Cluster),
}

/// One of the servers, for what has no key.
#[derive(Debug, Clone)]
pub struct Master {
    /// Names it among the others: `host:port` in a cluster, else empty.
    pub name: String,
    node: Arc<Node>,
}

impl Masters {
    /// One server, with so many connections.
    #[must_use]
    pub fn one(server: RedisServer, connections: usize) -> Self {
        let place = Place::At(server.info().addr().clone(), Arc::new(server));
        Self(Kind::One(Arc::new(Node::new(place, connections))))
    }

    /// The master that the sentinels know by a name; `server` says how to log in to it.
    #[must_use]
    pub fn watched(
        sentinels: Vec<RedisServer>,
        name: String,
        server: RedisServer,
        connections: usize,
    ) -> Self {
        let sentinels = Arc::new(Sentinels::new(sentinels, name, server));
        let node = Node::new(Place::Master(Arc::clone(&sentinels)), connections);
        Self(Kind::Watched(sentinels, Arc::new(node)))
    }

    /// A cluster that some nodes (`host:port`) are known of; `server` says how to log in, and
    /// each master gets so many connections.
    #[must_use]
    pub fn cluster(server: RedisServer, nodes: Vec<String>, connections: usize) -> Self {
        Self(Kind::Cluster(Cluster::new(Arc::new(server), nodes, connections)))
    }

    /// Sends a call to the master that has the key.
    ///
    /// # Errors
    /// A [`Fault`], at the latest at the deadline. Only with [`FaultKind::NotConnected`] and
    /// [`FaultKind::Refused`] the call has certainly not been carried out.
    pub async fn call(&self, key: &str, call: Call, deadline: Instant) -> Result<Answer, Fault> {
        let work = async {
            match &self.0 {
                Kind::One(node) | Kind::Watched(_, node) => send(node, call).await,
                Kind::Cluster(cluster) => cluster.send(slot(key.as_bytes()), call).await,
            }
        };
        let outcome = tokio::time::timeout_at(deadline.into(), work).await;
        let outcome = outcome.unwrap_or_else(|_| Err(Fault::late()));
        if let (Kind::Watched(sentinels, node), Err(_)) = (&self.0, &outcome) {
            // A master that was cut off from the others answers still, and has a successor.
            look_soon(sentinels, node);
        }
        outcome
    }

    /// All of them.
    ///
    /// # Errors
    /// A [`Fault`] when a cluster does not say.
    pub async fn all(&self) -> Result<Vec<Master>, Fault> {
        match &self.0 {
            Kind::One(node) | Kind::Watched(_, node) => {
                Ok(vec![Master { name: String::new(), node: Arc::clone(node) }])
            }
            Kind::Cluster(cluster) => {
                let masters = cluster.masters().await?.into_iter();
                Ok(masters.map(|(name, node)| Master { name, node }).collect())
            }
        }
    }

    /// Looks whether others have become master, and goes over to them. The answers of the calls
    /// that follow say whether they can be reached.
    ///
    /// # Errors
    /// A [`Fault`] when nobody says.
    pub async fn look(&self) -> Result<(), Fault> {
        match &self.0 {
            Kind::One(_) => Ok(()),
            Kind::Watched(sentinels, node) => follow(sentinels, node).await,
            Kind::Cluster(cluster) => cluster.look().await,
        }
    }
}

/// Goes over to another master if the sentinels name another one.
async fn follow(sentinels: &Sentinels, node: &Node) -> Result<(), Fault> {
    if sentinels.has_moved().await? {
        node.forget();
    }
    Ok(())
}

/// The same in a task of its own, unless it was done a moment ago.
fn look_soon(sentinels: &Arc<Sentinels>, node: &Arc<Node>) {
    if sentinels.may_be_asked() {
        let (sentinels, node) = (Arc::clone(sentinels), Arc::clone(node));
        tokio::spawn(async move { follow(&sentinels, &node).await });
    }
}

impl Master {
    /// Sends it a call that no other node could answer.
    ///
    /// # Errors
    /// A [`Fault`].
    pub async fn call(&self, call: Call) -> Result<Value, Fault> {
        send(&self.node, call).await.map(|answer| answer.value)
    }
}

/// Asks each of them at the same time.
pub async fn each(masters: &[Master], call: impl Fn() -> Call) -> Vec<Result<Value, Fault>> {
    join_all(masters.iter().map(|master| master.call(call()))).await
}

/// To a node that nobody else stands in for: a master that was deposed is looked for again once.
async fn send(node: &Node, mut call: Call) -> Result<Answer, Fault> {
    let mut deposed = false;
    loop {
        match node.send(&call, false).await? {
            Reply::Answer(answer) => return Ok(answer),
            Reply::NoScript => call = call.in_full(),
            Reply::NotMaster if !deposed => deposed = true,
            Reply::NotMaster => {
                return Err(Fault::new(FaultKind::Refused, "redis is a read-only replica"));
            }
            Reply::TooLate => return Err(too_late()),
            Reply::Moved(_) | Reply::Ask(_) | Reply::TryAgain => {
                let reason = "redis is a node of a cluster: set topology";
                return Err(Fault::new(FaultKind::Refused, reason));
            }
        }
    }
}
