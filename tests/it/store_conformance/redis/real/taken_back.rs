//! A sign-on that too few replicas have is taken back: its client is told 503, and tries again with what it had.

mod meanwhile;

use std::num::NonZeroU32;

use cambio::session::{Begun, SessionLimit, UpstreamSession, WhenFull};

use super::login::gateway;
use super::replicas::master_and_replica;
use super::*;

/// An account with a session, a ticket and one place, while the replica is away.
struct Outage {
    master: Redis,
    replica: Redis,
    /// Waits for the replica until it is told to give up.
    waiting: Arc<dyn Store>,
    /// Waits for nobody.
    plain: Arc<dyn Store>,
    old: Session,
}

/// All that there is: the names of keys, sessions and devices.
type Everything = (Vec<String>, Vec<Session>, Vec<Device>);

impl Outage {
    async fn begin() -> Self {
        let (master, replica) = master_and_replica().await;
        let mut waits = gateway(&master).await;
        waits["wait_replicas"] = 1.into();
        waits["wait_timeout"] = "30s".into();
        let waiting = open(settings(master.port, waits)).await.unwrap();
        let plain = open(settings(master.port, json!({}))).await.unwrap();
        let old = waiting.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
        waiting.put_ticket(digest(1), ticket()).await.unwrap();
        replica.server.signal("STOP");
        Self { master, replica, waiting, plain, old }
    }

    async fn everything(&self) -> Everything {
        let keys = self.master.ask(&["KEYS", "*"]).await.unwrap();
        let mut keys: Vec<String> = ::redis::from_redis_value(keys).unwrap();
        keys.sort();
        (keys, self.sessions().await, self.devices().await)
    }

    async fn sessions(&self) -> Vec<Session> {
        self.plain.sessions(&tenant("nagra"), &account("1663"), at(0)).await.unwrap()
    }

    async fn devices(&self) -> Vec<Device> {
        self.plain.devices(&tenant("nagra"), &account("1663")).await.unwrap()
    }

    async fn ticket(&self) -> Option<Ticket> {
        self.plain.peek_ticket(digest(1), at(0)).await.unwrap()
    }

    /// What the old session's client is told.
    async fn refreshed(&self) -> Result<Refreshed, RefreshError> {
        self.plain.refresh(&token(&self.old, 1), next(1), at(1)).await
    }

    /// Begins the newer session, does something `meanwhile`, and lets the call give up.
    async fn unanswered(&self, meanwhile: impl AsyncFnOnce()) {
        let store = Arc::clone(&self.waiting);
        let begun = tokio::spawn(async move { store.begin(newer(), at(0)).await });
        let waiters = waiters(&self.master, 1).await;
        meanwhile().await;
        give_up(&self.master, &waiters[0]).await;
        refused(&begun.await.unwrap());
    }
}

/// A sign-on that takes the ticket, the only place and a device.
fn newer() -> NewSession {
    let limit = Some(SessionLimit { max: NonZeroU32::MIN, when_full: WhenFull::EvictOldest });
    let upstream = Some(UpstreamSession([7; 32]));
    NewSession { limit, upstream, ..claiming(sign_on(2, "b"), digest(1)) }
}

fn refused(begun: &Result<Begun, BeginError>) {
    let Err(BeginError::Store(error)) = begun else { panic!("{begun:?}") };
    assert!(error.0.contains("0 of 1"), "{error}");
}

#[tokio::test]
async fn nothing_of_it_stays() {
    let outage = Outage::begin().await;
    let before = outage.everything().await;
    let ticket = before.0.iter().find(|key| key.starts_with("cambio:{nagra/1663}:t:")).unwrap();
    let left = number_of(&outage.master, &["TTL", ticket]).await;
    for _ in 0..2 {
        outage.unanswered(async || ()).await;
        assert_eq!(outage.everything().await, before);
        let now_left = number_of(&outage.master, &["TTL", ticket]).await;
        assert!((left - 60..=left).contains(&now_left), "{now_left} of {left}");
    }
    // What it would have evicted lives, and its client may try again.
    assert!(outage.refreshed().await.is_ok());
    outage.replica.server.signal("CONT");
    let begun = outage.waiting.begin(newer(), at(1)).await.unwrap();
    assert_eq!(begun.evicted, [outage.old.id]);
    assert_eq!(outage.sessions().await, [begun.session]);
}

#[tokio::test]
async fn its_client_may_have_hung_up() {
    let outage = Outage::begin().await;
    let before = outage.everything().await;
    let waiter = tokio::select! {
        begun = outage.waiting.begin(newer(), at(0)) => panic!("{begun:?}"),
        waiters = waiters(&outage.master, 1) => waiters[0].clone(),
    };
    give_up(&outage.master, &waiter).await;
    crate::real::eventually("it is taken back", async || {
        (outage.everything().await == before).then_some(())
    })
    .await;
}
