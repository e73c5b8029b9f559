//! While a slot of a cluster is moved, a script cannot write keys that its node does not have:
//! what fails for that has changed nothing.

use std::num::NonZeroU32;

use cambio::session::{SessionLimit, WhenFull};

use super::*;
use crate::real::redis_cluster;

/// Whose slot is moved; nobody else's in this run.
const MOVING: &str = "whose-slot-is-moved";

fn of_moving(mut new: NewSession) -> NewSession {
    new.facts = facts(MOVING);
    if let DeviceRequest::Register { device, .. } = &mut new.device {
        device.account = account(MOVING);
    }
    new
}

/// The number of the account's slot, who has it, and another master's id.
async fn slot() -> (String, &'static Redis, String) {
    let cluster = redis_cluster::shared().await;
    let key = format!("{{nagra/{MOVING}}}");
    let slot = cluster.nodes[0].ask(&["CLUSTER", "KEYSLOT", &key]).await.unwrap();
    let slot: u32 = ::redis::from_redis_value(slot).unwrap();
    let (mut owner, mut others) = (None, Vec::new());
    for node in &cluster.nodes {
        let is_owner = node.ask(&["HLEN", &key]).await.is_ok();
        let role: Vec<::redis::Value> =
            ::redis::from_redis_value(node.ask(&["ROLE"]).await.unwrap()).unwrap();
        if is_owner {
            owner = Some(node);
        } else if role[0] == ::redis::Value::BulkString(b"master".to_vec()) {
            let id = node.ask(&["CLUSTER", "MYID"]).await.unwrap();
            others.push(::redis::from_redis_value::<String>(id).unwrap());
        }
    }
    (slot.to_string(), owner.unwrap(), others.swap_remove(0))
}

#[tokio::test]
async fn what_a_moving_slot_refuses_has_changed_nothing() {
    let b = Backend::redis_cluster().await;
    let (nagra, who) = (tenant("nagra"), account(MOVING));
    let old = b.store.begin(of_moving(sign_on(1, "a")), at(0)).await.unwrap().session;
    let all = async || {
        let sessions = b.store.sessions(&nagra, &who, at(0)).await.unwrap();
        (sessions, b.store.devices(&nagra, &who).await.unwrap())
    };
    let before = all().await;
    let (slot, owner, other) = slot().await;
    owner.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &other]).await.unwrap();
    // It would evict, and leave a note of that.
    let limit = Some(SessionLimit { max: NonZeroU32::MIN, when_full: WhenFull::EvictOldest });
    let new = NewSession { limit, ..of_moving(sign_on(2, "b")) };
    let refused = b.store.begin(new.clone(), at(0)).await;
    let after_begin = all().await;
    let deleted = DeviceChange::State(DeviceState::Deleted);
    let deletion = b.store.change_device(&nagra, &who, &old.device, deleted.clone()).await;
    let after_deletion = all().await;
    owner.ask(&["CLUSTER", "SETSLOT", &slot, "STABLE"]).await.unwrap();
    assert!(matches!(refused, Err(BeginError::Store(_))), "{refused:?}");
    assert_eq!(after_begin, before);
    assert!(deletion.is_err());
    assert_eq!(after_deletion, before);
    assert_eq!(b.store.begin(new, at(0)).await.unwrap().evicted, [old.id]);
    assert_eq!(b.store.change_device(&nagra, &who, &old.device, deleted).await, Ok(true));
}
