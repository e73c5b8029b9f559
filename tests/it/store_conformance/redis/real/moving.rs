//! While a slot of a cluster is moved, a script cannot write keys that its node does not have:
//! what fails for that has changed nothing.

use std::num::NonZeroU32;

use cambio::session::{SessionLimit, WhenFull};

use super::super::in_cluster;
use super::login::gateway;
use super::*;
use crate::real::redis_cluster::{self, RedisCluster};

fn of(name: &str, mut new: NewSession) -> NewSession {
    new.facts = facts(name);
    if let DeviceRequest::Register { device, .. } = &mut new.device {
        device.account = account(name);
    }
    new
}

/// A slot that can be moved.
struct Slot<'a> {
    number: String,
    /// Who has it.
    owner: &'a Redis,
    /// Another master.
    other: &'a Redis,
}

impl<'a> Slot<'a> {
    /// The one of this account, which is nobody else's in this run.
    async fn of(name: &str, cluster: &'a RedisCluster) -> Self {
        let key = format!("{{nagra/{name}}}");
        let number = number_of(&cluster.nodes[0], &["CLUSTER", "KEYSLOT", &key]).await.to_string();
        let (mut owner, mut others) = (None, Vec::new());
        for node in &cluster.nodes {
            let role: Vec<::redis::Value> =
                ::redis::from_redis_value(node.ask(&["ROLE"]).await.unwrap()).unwrap();
            if node.ask(&["HLEN", &key]).await.is_ok() {
                owner = Some(node);
            } else if role[0] == ::redis::Value::BulkString(b"master".to_vec()) {
                others.push(node);
            }
        }
        Self { number, owner: owner.unwrap(), other: others.swap_remove(0) }
    }

    async fn leaves(&self) {
        self.is_set(self.owner, "MIGRATING", self.other).await;
    }

    async fn stays(&self) {
        self.owner.ask(&["CLUSTER", "SETSLOT", &self.number, "STABLE"]).await.unwrap();
    }

    /// On the way to the other, which takes what is new.
    async fn is_between(&self) {
        self.is_set(self.other, "IMPORTING", self.owner).await;
        self.leaves().await;
    }

    async fn has_moved(&self) {
        for node in [self.other, self.owner] {
            self.is_set(node, "NODE", self.other).await;
        }
    }

    async fn is_set(&self, node: &Redis, state: &str, about: &Redis) {
        let about = text_of(about, &["CLUSTER", "MYID"]).await;
        node.ask(&["CLUSTER", "SETSLOT", &self.number, state, &about]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_new_in_a_moving_slot_is_where_it_goes_and_the_rights_are_enough() {
    let name = "whose-slot-moves-for-good";
    let cluster = redis_cluster::shared().await;
    let mut settings = in_cluster(cluster);
    settings["redis"]["prefix"] = "cambio:".into();
    for node in &cluster.nodes {
        let login = gateway(node).await;
        settings["redis"].as_object_mut().unwrap().extend(login.as_object().unwrap().clone());
    }
    let store = open(settings).await.unwrap();
    let slot = Slot::of(name, cluster).await;
    slot.is_between().await;
    store.put_ticket(digest(1), Ticket { account: account(name), ..ticket() }).await.unwrap();
    let found = store.peek_ticket(digest(1), at(0)).await.unwrap();
    assert_eq!(found.map(|ticket| ticket.account), Some(account(name)));
    slot.has_moved().await;
    let session = store.begin(claiming(of(name, sign_on(1, "a")), digest(1)), at(0)).await.unwrap();
    assert_eq!(
        store.sessions(&tenant("nagra"), &account(name), at(0)).await,
        Ok(vec![session.session])
    );
}

/// A sign-on that evicts the account's other session.
fn evicting(name: &str) -> NewSession {
    let limit = Some(SessionLimit { max: NonZeroU32::MIN, when_full: WhenFull::EvictOldest });
    NewSession { limit, ..of(name, sign_on(2, "b")) }
}

#[tokio::test]
async fn what_a_moving_slot_refuses_has_changed_nothing() {
    let name = "whose-slot-is-moved";
    let b = Backend::redis_cluster().await;
    let (nagra, who) = (tenant("nagra"), account(name));
    let old = b.store.begin(of(name, sign_on(1, "a")), at(0)).await.unwrap().session;
    let all = async || {
        let sessions = b.store.sessions(&nagra, &who, at(0)).await.unwrap();
        (sessions, b.store.devices(&nagra, &who).await.unwrap())
    };
    let before = all().await;
    let slot = Slot::of(name, redis_cluster::shared().await).await;
    slot.leaves().await;
    // It would leave a note of whom it evicts.
    let refused = b.store.begin(evicting(name), at(0)).await;
    let after_begin = all().await;
    let deleted = DeviceChange::State(DeviceState::Deleted);
    let deletion = b.store.change_device(&nagra, &who, &old.device, deleted.clone()).await;
    let after_deletion = all().await;
    slot.stays().await;
    assert!(matches!(refused, Err(BeginError::Store(_))), "{refused:?}");
    assert_eq!(after_begin, before);
    assert!(deletion.is_err());
    assert_eq!(after_deletion, before);
    assert_eq!(b.store.begin(evicting(name), at(0)).await.unwrap().evicted, [old.id]);
    assert_eq!(b.store.change_device(&nagra, &who, &old.device, deleted).await, Ok(true));
}

#[tokio::test]
async fn what_is_not_there_is_said_of_a_moving_slot_as_well() {
    let name = "whose-slot-is-moved-too";
    let cluster = redis_cluster::shared().await;
    let store = open(in_cluster(cluster)).await.unwrap();
    let (nagra, who) = (tenant("nagra"), account(name));
    let there = store.begin(of(name, sign_on(1, "a")), at(0)).await.unwrap().session;
    let slot = Slot::of(name, cluster).await;
    slot.leaves().await;
    let found = store.session(&nagra, &who, id(9), at(0)).await;
    let ended = store.end(&nagra, &who, id(9), &there.device, at(0)).await;
    let (nobodys, change) = (device_id("b"), DeviceChange::Name(None));
    let changed = store.change_device(&nagra, &who, &nobodys, change).await;
    slot.stays().await;
    assert_eq!((found, ended, changed), (Ok(None), Ok(false), Ok(false)));
    assert_eq!(store.session(&nagra, &who, there.id, at(0)).await, Ok(Some(there)));
}

#[tokio::test]
async fn a_sign_on_is_taken_back_while_its_slot_is_moved() {
    let name = "whose-sign-on-is-taken-back";
    let cluster = RedisCluster::start().await;
    let store = open(in_cluster(&cluster)).await.unwrap();
    let (nagra, who) = (tenant("nagra"), account(name));
    let old = store.begin(of(name, sign_on(1, "a")), at(0)).await.unwrap().session;
    let slot = Slot::of(name, &cluster).await;
    let replication = text_of(slot.owner, &["INFO", "replication"]).await;
    let follows = |node: &&Redis| replication.contains(&format!(",port={},", node.port));
    let replica = cluster.nodes.iter().find(follows).unwrap();
    replica.server.signal("STOP");
    let begins = Arc::clone(&store);
    let begun = tokio::spawn(async move { begins.begin(evicting(name), at(0)).await });
    let waiters = waiters(slot.owner, 1).await;
    slot.leaves().await;
    give_up(slot.owner, &waiters[0]).await;
    let begun = begun.await.unwrap();
    slot.stays().await;
    assert!(matches!(begun, Err(BeginError::Store(_))), "{begun:?}");
    assert_eq!(store.sessions(&nagra, &who, at(0)).await, Ok(vec![old.clone()]));
    let devices = store.devices(&nagra, &who).await.unwrap();
    assert_eq!(devices.iter().map(|device| &device.id).collect::<Vec<_>>(), [&old.device]);
}
