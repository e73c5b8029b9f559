//! A Redis Cluster: calls go to the node that has their slot. What moved is learned from the
//! nodes' own redirections and, when a node is lost, from what most of the others say.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;

use super::RedisServer;
use super::call::{Answer, Call, Reply, too_late};
use super::layout::{Layout, split};
use super::most::most;
use super::node::{Node, Place};
use super::slot::SLOTS;
use crate::support::{Fault, FaultKind};

/// The most redirections that one call follows.
const HOPS: usize = 5;
/// How long a call waits before it tries a slot again that is between two nodes.
const BETWEEN: Duration = Duration::from_millis(20);
/// How old an answer of the nodes may be to stand for a newer one.
const FRESH: Duration = Duration::from_millis(100);

/// The cluster, as far as it is known.
pub(super) struct Cluster(Arc<Inner>);

struct Inner {
    server: Arc<RedisServer>,
    /// `host:port` of the configured nodes.
    seeds: Vec<String>,
    connections: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    nodes: HashMap<String, Arc<Node>>,
    map: Option<Arc<Map>>,
    look: Option<Look>,
    looked: Option<(Instant, Result<Arc<Map>, Fault>)>,
}

type Look = Shared<BoxFuture<'static, Result<Arc<Map>, Fault>>>;

/// Who has which slot.
struct Map {
    masters: Vec<(String, Arc<Node>)>,
    /// By slot, an index into `masters`.
    owners: Vec<Option<u16>>,
}

impl Cluster {
    pub(super) fn new(server: Arc<RedisServer>, seeds: Vec<String>, connections: usize) -> Self {
        Self(Arc::new(Inner { server, seeds, connections, state: Mutex::default() }))
    }

    /// Sends a call to the master of a slot.
    ///
    /// # Errors
    /// A [`Fault`]. Only with [`FaultKind::NotConnected`] and [`FaultKind::Refused`] the call has
    /// certainly not been carried out.
    pub(super) async fn send(&self, slot: u16, mut call: Call) -> Result<Answer, Fault> {
        let known = self.0.state.lock().map.clone();
        let map = match known {
            Some(map) => map,
            None => self.looked().await?,
        };
        let mut node = map.owner(slot)?;
        let (mut asking, mut hops) = (false, 0);
        while hops < HOPS {
            match node.send(&call, asking).await {
                Ok(Reply::Answer(answer)) => return Ok(answer),
                Ok(Reply::TryAgain) => {
                    tokio::time::sleep(BETWEEN).await;
                    continue;
                }
                Ok(Reply::NoScript) => call = call.in_full(),
                Ok(Reply::TooLate) => return Err(too_late()),
                Ok(Reply::Moved(to)) => {
                    (node, asking) = (self.0.node_from(&node, &to)?, false);
                    self.look_soon();
                }
                Ok(Reply::Ask(to)) => (node, asking) = (self.0.node_from(&node, &to)?, true),
                Ok(Reply::NotMaster) => (node, asking) = (self.looked().await?.owner(slot)?, false),
                Err(fault) if fault.kind == FaultKind::NotConnected => {
                    let owner = self.looked().await?.owner(slot)?;
                    if Arc::ptr_eq(&owner, &node) {
                        return Err(fault);
                    }
                    (node, asking) = (owner, false);
                }
                // A master that was cut off from the others refuses, too, and has a successor.
                Err(fault) => {
                    self.look_soon();
                    return Err(fault);
                }
            }
            hops += 1;
        }
        Err(Fault::new(FaultKind::Refused, "redis cluster redirects without end"))
    }

    /// The masters, by `host:port`.
    pub(super) async fn masters(&self) -> Result<Vec<(String, Arc<Node>)>, Fault> {
        let known = self.0.state.lock().map.clone();
        let map = match known {
            Some(map) => map,
            None => self.looked().await?,
        };
        Ok(map.masters.clone())
    }

    /// Looks again who has which slot.
    ///
    /// # Errors
    /// A [`Fault`] when no node says.
    pub(super) async fn look(&self) -> Result<(), Fault> {
        self.looked().await.map(drop)
    }

    /// Looks together with all others who want to know.
    async fn looked(&self) -> Result<Arc<Map>, Fault> {
        let looking = {
            let mut state = self.0.state.lock();
            if let Some((at, outcome)) = &state.looked
                && at.elapsed() < FRESH
            {
                return outcome.clone();
            }
            let inner = Arc::clone(&self.0);
            state.look.get_or_insert_with(|| begin(inner)).clone()
        };
        looking.await
    }

    /// The same without waiting.
    fn look_soon(&self) {
        let mut state = self.0.state.lock();
        if state.looked.as_ref().is_none_or(|(at, _)| at.elapsed() >= FRESH) {
            let inner = Arc::clone(&self.0);
            state.look.get_or_insert_with(|| begin(inner));
        }
    }
}

/// Looks in a task of its own, which notes the outcome.
fn begin(inner: Arc<Inner>) -> Look {
    let task = tokio::spawn(async move {
        let outcome = inner.look().await.map(|layout| inner.learn(&layout));
        let mut state = inner.state.lock();
        state.look = None;
        state.looked = Some((Instant::now(), outcome.clone()));
        outcome
    });
    let ended = |_| Err(Fault::new(FaultKind::NotConnected, "the process is ending"));
    async move { task.await.unwrap_or_else(ended) }.boxed().shared()
}

impl Inner {
    /// Asks every node that is known.
    async fn look(&self) -> Result<Layout, Fault> {
        let mut places = self.seeds.clone();
        places.extend(self.state.lock().nodes.keys().cloned());
        places.sort_unstable();
        places.dedup();
        most(places.iter().map(|place| async move {
            let mut slots = redis::cmd("CLUSTER");
            slots.arg("SLOTS");
            let (host, _) = split(place, "").ok_or_else(|| nowhere(place))?;
            match self.node(place)?.send(&slots.into(), false).await? {
                Reply::Answer(Answer { value, .. }) => Layout::read(&value, &host),
                _ => Err(Fault::new(FaultKind::Nonsense, "redis redirects what has no key")),
            }
        }))
        .await
    }

    /// Keeps the nodes that are there, with their connections, and forgets the others.
    fn learn(&self, layout: &Layout) -> Arc<Map> {
        let mut map = Map { masters: Vec::new(), owners: vec![None; usize::from(SLOTS)] };
        for range in &layout.ranges {
            let known = map.masters.iter().position(|(place, _)| *place == range.master);
            let Ok(index) = u16::try_from(known.unwrap_or(map.masters.len())) else { continue };
            if known.is_none() {
                let Ok(node) = self.node(&range.master) else { continue };
                map.masters.push((range.master.clone(), node));
            }
            for owner in &mut map.owners[usize::from(range.first)..=usize::from(range.last)] {
                *owner = Some(index);
            }
        }
        let map = Arc::new(map);
        let mut state = self.state.lock();
        state.nodes.retain(|place, _| {
            map.masters.iter().any(|(master, _)| master == place)
                || layout.replicas.contains(place)
                || self.seeds.contains(place)
        });
        for replica in &layout.replicas {
            if let (false, Ok(node)) = (state.nodes.contains_key(replica), self.new_node(replica)) {
                state.nodes.insert(replica.clone(), node);
            }
        }
        state.map = Some(Arc::clone(&map));
        map
    }

    /// The node at a place that another one named.
    fn node_from(&self, other: &Node, place: &str) -> Result<Arc<Node>, Fault> {
        let (host, port) = split(place, other.host()).ok_or_else(|| nowhere(place))?;
        self.node(&format!("{host}:{port}"))
    }

    fn node(&self, place: &str) -> Result<Arc<Node>, Fault> {
        if let Some(node) = self.state.lock().nodes.get(place) {
            return Ok(Arc::clone(node));
        }
        let node = self.new_node(place)?;
        Ok(Arc::clone(self.state.lock().nodes.entry(place.to_owned()).or_insert(node)))
    }

    fn new_node(&self, place: &str) -> Result<Arc<Node>, Fault> {
        let (host, port) = split(place, "").ok_or_else(|| nowhere(place))?;
        let address = self.server.address(host, port);
        let place = Place::At(address, Arc::clone(&self.server));
        Ok(Arc::new(Node::new(place, self.connections)))
    }
}

impl Map {
    fn owner(&self, slot: u16) -> Result<Arc<Node>, Fault> {
        let owner = self.owners.get(usize::from(slot)).copied().flatten();
        let owner = owner.and_then(|index| self.masters.get(usize::from(index)));
        owner
            .map(|(_, node)| Arc::clone(node))
            .ok_or_else(|| Fault::new(FaultKind::Refused, "no node of the cluster has the slot"))
    }
}

fn nowhere(place: &str) -> Fault {
    Fault::new(FaultKind::Nonsense, format!("redis names a node at {place:?}"))
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("seeds", &self.0.seeds).finish_non_exhaustive()
    }
}
