//! `wait_replicas`: an answer waits until replicas have what it says, `wait_timeout` at most.

use std::time::Instant;

use super::*;
use crate::real::proxy::Proxy;

/// A master, and a replica that follows it.
pub(super) async fn master_and_replica() -> (Redis, Redis) {
    let plain = ["--save", "", "--repl-diskless-sync-delay", "0"];
    let master = Redis::start_with(&plain).await;
    let of = format!("127.0.0.1 {}", master.port);
    let args: Vec<_> = plain.into_iter().chain(["--replicaof", &of]).collect();
    let replica = Redis::start_with(&args).await;
    crate::real::eventually("the replica follows", async || {
        text_of(&master, &["INFO", "replication"]).await.contains("state=online").then_some(())
    })
    .await;
    (master, replica)
}

/// A store that waits for its replica on a machine that is as busy as can be.
pub(super) async fn waiting(master: &Redis) -> Arc<dyn Store> {
    let waits = json!({"wait_replicas": 1, "wait_timeout": "30s"});
    open(settings(master.port, waits)).await.unwrap()
}

/// A store that does not wait for long.
pub(super) async fn hasty(port: u16) -> Arc<dyn Store> {
    let waits = json!({"wait_replicas": 1, "wait_timeout": "100ms"});
    open(settings(port, waits)).await.unwrap()
}

#[tokio::test]
async fn what_is_acknowledged_is_with_the_replica() {
    let (master, replica) = master_and_replica().await;
    let store = waiting(&master).await;
    for n in 0..50 {
        store.begin(sign_on(n, &format!("d{n}")), at(0)).await.unwrap();
        let there = number_of(&replica, &["HLEN", "cambio:{nagra/1663}:s"]).await;
        assert_eq!(u64::try_from(there).unwrap(), n + 1);
    }
}

#[tokio::test]
async fn without_its_replica_a_write_is_not_acknowledged_and_may_be_tried_again() {
    let (master, replica) = master_and_replica().await;
    let store = hasty(master.port).await;
    let begun = waiting(&master).await.begin(sign_on(1, "a"), at(0)).await.unwrap();
    let session = begun.session;
    replica.server.signal("STOP");
    let begun = Instant::now();
    let refused = store.refresh(&token(&session, 1), next(9), at(9)).await;
    let took = begun.elapsed();
    let Err(RefreshError::Store(error)) = refused else { panic!("{refused:?}") };
    assert!(error.0.contains("0 of 1"), "{error}");
    assert!((Duration::from_millis(100)..Duration::from_secs(5)).contains(&took), "{took:?}");
    // A retry acknowledges the same, so it waits as well, on whichever connection it is.
    for _ in 0..20 {
        let refused = store.refresh(&token(&session, 1), next(9), at(9)).await;
        assert!(matches!(refused, Err(RefreshError::Store(_))), "{refused:?}");
    }
    // What changes nothing needs nobody.
    let account = account("1663");
    let found = store.session(&session.tenant, &account, session.id, at(9)).await.unwrap();
    assert_eq!(found.unwrap().generation, 2);
    let wrong = PresentedRefresh { device: device_id("b"), ..token(&session, 1) };
    assert_eq!(store.refresh(&wrong, next(9), at(9)).await, Err(RefreshError::Gone));
    replica.server.signal("CONT");
    crate::real::eventually("the replica is back", async || {
        let refreshed = store.refresh(&token(&session, 1), next(9), at(9)).await;
        matches!(refreshed, Ok(Refreshed::Replayed(_))).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_outage_of_the_replica_that_outlasts_grace_makes_nobody_a_thief() {
    let (master, replica) = master_and_replica().await;
    let (hasty, patient) = (hasty(master.port).await, waiting(&master).await);
    let session = patient.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    replica.server.signal("STOP");
    // Its client tries again and again, long past the grace of the pair that nobody was told of.
    for turn in 0..10 {
        let now = 9 + turn * GRACE;
        let refused = hasty.refresh(&token(&session, 1), next(now), at(now)).await;
        assert!(matches!(refused, Err(RefreshError::Store(_))), "{refused:?}");
    }
    replica.server.signal("CONT");
    let back = 9 + 100 * GRACE;
    let told = patient.refresh(&token(&session, 1), next(back), at(back)).await;
    let Ok(Refreshed::Replayed(told)) = told else { panic!("{told:?}") };
    // The pair is as good as one that was made now, and the same for all who race for it.
    assert_eq!((told.generation, told.issued_at), (2, at(back)));
    assert_eq!(told.expires_at, next(back).expires_at);
    let again = patient.refresh(&token(&session, 1), next(back), at(back + GRACE)).await;
    assert_eq!(again, Ok(Refreshed::Replayed(told)));
    // Now it is known, and a token that it has superseded for so long is stolen.
    let late = back + GRACE + 1;
    let reused = patient.refresh(&token(&session, 1), next(late), at(late)).await;
    assert_eq!(reused, Err(RefreshError::Reused));
}

#[tokio::test]
async fn a_pair_that_was_told_is_not_untold_by_a_retry() {
    let (master, replica) = master_and_replica().await;
    let (hasty, patient) = (hasty(master.port).await, waiting(&master).await);
    let session = patient.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let told = patient.refresh(&token(&session, 1), next(9), at(9)).await;
    assert!(matches!(told, Ok(Refreshed::Rotated(_))), "{told:?}");
    replica.server.signal("STOP");
    let refused = hasty.refresh(&token(&session, 1), next(9), at(9)).await;
    assert!(matches!(refused, Err(RefreshError::Store(_))), "{refused:?}");
    replica.server.signal("CONT");
    let late = 9 + GRACE + 1;
    let reused = patient.refresh(&token(&session, 1), next(late), at(late)).await;
    assert_eq!(reused, Err(RefreshError::Reused));
}

#[tokio::test]
async fn a_pair_whose_answer_was_lost_is_told_to_nobody() {
    let (master, replica) = master_and_replica().await;
    let proxy = Proxy::to(master.port).await;
    let (hasty, patient) = (hasty(proxy.port).await, waiting(&master).await);
    let session = patient.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    // The scripts are known from here on, and have one answer each.
    patient.refresh(&token(&session, 1), next(0), at(0)).await.unwrap();
    replica.server.signal("STOP");
    proxy.lose_the_answer_to(b"EVALSHA");
    let refused = hasty.refresh(&token(&session, 2), next(9), at(9)).await;
    assert!(matches!(refused, Err(RefreshError::Store(_))), "{refused:?}");
    assert!(proxy.has_lost_it());
    replica.server.signal("CONT");
    let back = 9 + 100 * GRACE;
    let told = patient.refresh(&token(&session, 2), next(back), at(back)).await;
    assert!(matches!(&told, Ok(Refreshed::Replayed(s)) if s.generation == 3), "{told:?}");
}

#[tokio::test]
async fn who_has_fewer_replicas_is_not_ready() {
    let (master, replica) = master_and_replica().await;
    let more = json!({"wait_replicas": 2});
    let error = open(settings(master.port, more)).await.unwrap_err();
    assert!(error.0.contains("has 1 replicas, wait_replicas is 2"), "{error}");
    let store = open(settings(master.port, json!({"wait_replicas": 1}))).await.unwrap();
    drop(replica);
    crate::real::eventually("it is not ready", async || store.check().await.err()).await;
    // Who does not wait does not mind.
    assert!(open(settings(master.port, json!({}))).await.is_ok());
}

#[tokio::test]
async fn a_master_that_insists_on_a_replica_changes_nothing_without() {
    let (master, replica) = master_and_replica().await;
    master.ask(&["CONFIG", "SET", "min-replicas-to-write", "1"]).await.unwrap();
    let (store, patient) = (hasty(master.port).await, waiting(&master).await);
    let session = patient.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    drop(replica);
    crate::real::eventually("the master has noticed", async || {
        text_of(&master, &["INFO", "replication"])
            .await
            .contains("connected_slaves:0")
            .then_some(())
    })
    .await;
    let refused = store.begin(sign_on(2, "b"), at(0)).await;
    let Err(BeginError::Store(error)) = refused else { panic!("{refused:?}") };
    assert!(error.0.contains("NOREPLICAS"), "{error}");
    let (nagra, who) = (tenant("nagra"), account("1663"));
    assert!(store.end(&nagra, &who, session.id, &session.device, at(0)).await.is_err());
    assert_eq!(store.sessions(&nagra, &who, at(0)).await, Ok(vec![session]));
    assert_eq!(store.devices(&nagra, &who).await, Ok(vec![device("a")]));
}

#[tokio::test]
async fn a_replica_is_no_master() {
    let (_master, replica) = master_and_replica().await;
    let store = open(settings(replica.port, json!({}))).await.unwrap();
    let refused = store.begin(sign_on(1, "a"), at(0)).await;
    let Err(BeginError::Store(error)) = refused else { panic!("{refused:?}") };
    assert!(error.0.contains("read-only replica"), "{error}");
}
