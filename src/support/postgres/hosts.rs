//! Which of several servers a new connection is made to. The one that was good last is asked
//! first; when it is not there, is not what is wanted, or takes its time, all are asked at once,
//! so that nobody waits for those that are dead. In an outage there is one search for all, which asks those
//! again that refuse while others say nothing: a standby may be promoted. What makes a server good is said by
//! [`Wanted`]; that of two who both say so the better one is taken, by [`Fit::rank`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::task::AbortHandle;
use tokio_postgres::{Client, Config};

use super::PostgresServer;
use super::outage::{Lead, Outage, PAUSE, Way};
use super::pool::EndsUnlessGivenBack;
use crate::support::fault::HOPE;
use crate::support::{Fault, FaultKind};

/// How long the server that was good last is waited for before the others are asked, too.
const HEAD_START: Duration = Duration::from_millis(250);
/// How long a server that would do waits for others, which may be better.
const COMPARED: Duration = Duration::from_millis(250);
/// How long a server may be silent before the search for all asks it once more.
const SILENCE: Duration = Duration::from_secs(1);
/// No server is preferred to the others.
const NOBODY: usize = usize::MAX;

/// What a server must be.
pub trait Wanted: Clone + Send + Sync + 'static {
    /// What there is to be known about a good one.
    type Found: Send;

    /// Looks at a server, over a new connection to it.
    ///
    /// # Errors
    /// A [`Fault`]: it is not what is wanted, or does not say.
    fn look(&self, client: &Client)
    -> impl Future<Output = Result<Fit<Self::Found>, Fault>> + Send;
}

/// A server that would do.
#[derive(Debug)]
pub struct Fit<T> {
    /// Of several that would do, one with the greatest rank is taken. `None`: any will do, and
    /// the first is taken.
    pub rank: Option<u64>,
    /// What was found out.
    pub found: T,
}

/// Whichever lets us in.
#[derive(Clone, Copy)]
pub(super) struct Any;

impl Wanted for Any {
    type Found = ();

    async fn look(&self, _client: &Client) -> Result<Fit<()>, Fault> {
        Ok(Fit { rank: None, found: () })
    }
}

/// One of the servers.
#[derive(Debug)]
pub(super) struct Host {
    /// `host:port`.
    pub(super) name: String,
    pub(super) config: Config,
}

/// All of them, in the order of the configuration.
#[derive(Debug)]
pub(super) struct Hosts {
    all: Vec<Host>,
    /// The one that was good last; the first one, to begin with.
    preferred: AtomicUsize,
    outage: Outage,
}

impl Hosts {
    pub(super) fn new(all: Vec<Host>) -> Self {
        Self { all, preferred: AtomicUsize::new(0), outage: Outage::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    fn is_found(&self, number: usize) {
        self.preferred.store(number, Ordering::Relaxed);
        self.outage.is_over();
    }

    /// Until when who must know by the deadline waits for a place among those who have connections.
    pub(super) fn hope(&self, deadline: Instant) -> Instant {
        self.outage.hope(deadline)
    }

    pub(super) fn look_again(&self) {
        self.preferred.store(NOBODY, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(super) fn configs(&self) -> impl Iterator<Item = &Config> {
        self.all.iter().map(|host| &host.config)
    }
}

/// A connection and the task that drives it.
type Opened = (Client, AbortHandle);

/// What each of those said that are asked, by their number.
type Asked<'a, T> = FuturesUnordered<BoxFuture<'a, (usize, Result<(Opened, Fit<T>), Fault>)>>;

/// A connection to one of the servers.
///
/// # Errors
/// A [`Fault`], at the latest at the deadline: why none would do.
pub(super) async fn choose<W: Wanted>(
    server: &Arc<PostgresServer>,
    deadline: Instant,
    wanted: &W,
) -> Result<(Opened, W::Found), Fault> {
    let hosts = &server.hosts;
    if let [only] = &hosts.all[..] {
        let (opened, fit) = ask(server, only, deadline, wanted).await?;
        return Ok((opened, fit.found));
    }
    let until = deadline.min(Instant::now() + HOPE);
    loop {
        match hosts.outage.way()? {
            Way::Search => break,
            Way::Lead(lead) => {
                tokio::spawn(search_for_all(lead, Arc::clone(server), wanted.clone()));
            }
            Way::Follow(_) if hosts.outage.changes(until).await => {}
            Way::Follow(why) => return Err(why),
        }
    }
    let begun = Instant::now();
    match search(server, deadline, wanted, false).await {
        Ok((number, opened, found)) => {
            hosts.is_found(number);
            Ok((opened, found))
        }
        Err(reasons) => {
            let fault = none_will_do(&reasons);
            // Who came with little time left has found out nothing.
            if Instant::now() < deadline || begun.elapsed() >= HEAD_START + COMPARED {
                hosts.outage.goes_on(begun, fault.clone());
            }
            Err(fault)
        }
    }
}

/// Searches for as long as a log-in and an answer may take. Those who follow connect to what it finds.
async fn search_for_all<W: Wanted>(lead: Lead, server: Arc<PostgresServer>, wanted: W) {
    let deadline = Instant::now() + server.connect_timeout + server.timeout;
    match search(&server, deadline, &wanted, true).await {
        Ok((number, opened, _)) => {
            drop(opened);
            server.hosts.is_found(number);
        }
        Err(reasons) => lead.is_in_vain(none_will_do(&reasons)),
    }
}

fn none_will_do(reasons: &[String]) -> Fault {
    let reason = format!("none of the hosts will do: {}", reasons.join("; "));
    Fault::new(FaultKind::NotConnected, reason)
}

/// The number of the best one, and a connection to it; or what each of them said. The search for all asks everybody
/// again: those that refuse, for as long as another one says nothing, and those that say nothing.
async fn search<W: Wanted>(
    server: &PostgresServer,
    deadline: Instant,
    wanted: &W,
    for_all: bool,
) -> Result<(usize, Opened, W::Found), Vec<String>> {
    let hosts = &server.hosts.all;
    let one = |number: usize, pause: Duration| -> BoxFuture<'_, _> {
        Box::pin(async move {
            let host = &hosts[number];
            if !for_all {
                return (number, ask(server, host, deadline, wanted).await);
            }
            tokio::time::sleep(pause).await;
            (number, ask_on(server, host, deadline, wanted).await)
        })
    };
    let mut reasons = vec![None; hosts.len()];
    let mut asked = Asked::new();
    let preferred = server.hosts.preferred.load(Ordering::Relaxed);
    let has_head_start = preferred < hosts.len() && !for_all;
    if has_head_start {
        asked.push(one(preferred, Duration::ZERO));
        match tokio::time::timeout(HEAD_START, asked.next()).await {
            Ok(Some((number, Ok((opened, fit))))) => return Ok((number, opened, fit.found)),
            Ok(Some((number, Err(fault)))) => reasons[number] = Some(fault),
            _ => {}
        }
    }
    let others = (0..hosts.len()).filter(|number| *number != preferred || !has_head_start);
    asked.extend(others.map(|number| one(number, Duration::ZERO)));

    let mut best: Option<(usize, Opened, Fit<W::Found>)> = None;
    let mut patience = None;
    loop {
        let next = match patience {
            None => asked.next().await,
            // What is better but slower is not waited for.
            Some(until) => tokio::time::timeout_at(until, asked.next()).await.unwrap_or(None),
        };
        match next {
            None => break,
            Some((number, Err(fault))) => {
                reasons[number] = Some(fault);
                if for_all && best.is_none() {
                    asked.push(one(number, PAUSE));
                }
            }
            Some((number, Ok((opened, fit)))) => {
                let is_compared = fit.rank.is_some();
                reasons[number] = None;
                if best.as_ref().is_none_or(|(_, _, other)| other.rank < fit.rank) {
                    best = Some((number, opened, fit));
                }
                if !is_compared {
                    break;
                }
                patience.get_or_insert_with(|| tokio::time::Instant::now() + COMPARED);
            }
        }
        let found = best.as_ref().map(|(number, ..)| *number);
        let mut others = (0..hosts.len()).filter(|number| Some(*number) != found);
        if others.all(|number| reasons[number].is_some()) {
            break;
        }
    }
    best.map(|(number, opened, fit)| (number, opened, fit.found)).ok_or_else(|| {
        let said = hosts.iter().zip(reasons);
        said.filter_map(|(host, fault)| Some(format!("{}: {}", host.name, fault?))).collect()
    })
}

/// Connects to a server and looks at it.
async fn ask<W: Wanted>(
    server: &PostgresServer,
    host: &Host,
    deadline: Instant,
    wanted: &W,
) -> Result<(Opened, Fit<W::Found>), Fault> {
    let (client, task) = server.open_one(&host.config, deadline).await?;
    let mut task = EndsUnlessGivenBack(Some(task));
    let looked = tokio::time::timeout_at(deadline.into(), wanted.look(&client)).await;
    let fit = looked.unwrap_or_else(|_| Err(Fault::late()))?;
    // Nothing is under way on it.
    let task = task.0.take().ok_or_else(Fault::late)?;
    Ok(((client, task), fit))
}

/// The same, beginning anew beside it again and again: what the network has lost of the first attempt
/// is sent again much later than a server is back.
async fn ask_on<W: Wanted>(
    server: &PostgresServer,
    host: &Host,
    deadline: Instant,
    wanted: &W,
) -> Result<(Opened, Fit<W::Found>), Fault> {
    let mut asked = FuturesUnordered::new();
    loop {
        asked.push(ask(server, host, deadline, wanted));
        if let Ok(Some(answer)) = tokio::time::timeout(SILENCE, asked.next()).await {
            return answer;
        }
    }
}
