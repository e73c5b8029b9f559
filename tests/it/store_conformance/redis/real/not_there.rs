//! Where replicas are waited for, that something is not there counts once they have what has ended it: a client that
//! tries again would be told that it is done, and a failover would bring it back.

use futures_util::future::BoxFuture;

use super::replicas::{hasty, master_and_replica, waiting};
use super::*;

#[tokio::test]
async fn who_tries_again_is_not_told_that_it_is_done() {
    let (master, replica) = master_and_replica().await;
    let (hasty, patient) = (hasty(master.port).await, waiting(&master).await);
    let (nagra, who) = (tenant("nagra"), account("1663"));
    let one = patient.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let other = patient.begin(sign_on(2, "b"), at(0)).await.unwrap().session;
    replica.server.signal("STOP");

    for _ in 0..3 {
        assert!(hasty.end(&nagra, &who, one.id, &one.device, at(0)).await.is_err());
    }
    assert!(hasty.session(&nagra, &who, one.id, at(0)).await.is_err());
    let refreshed = hasty.refresh(&token(&one, 1), next(0), at(0)).await;
    assert!(matches!(refreshed, Err(RefreshError::Store(_))), "{refreshed:?}");
    let found = hasty.session(&nagra, &who, other.id, at(0)).await;
    assert_eq!(found.as_ref(), Ok(&Some(other.clone())), "what is there needs nobody");

    let (deleted, renamed) = (DeviceChange::State(DeviceState::Deleted), DeviceChange::Name(None));
    for change in [&deleted, &deleted, &renamed] {
        let changed = hasty.change_device(&nagra, &who, &other.device, change.clone()).await;
        assert!(changed.is_err(), "{change:?}");
    }
    assert!(hasty.session(&nagra, &who, other.id, at(0)).await.is_err());
    for _ in 0..2 {
        assert!(hasty.end_all(&nagra, &who, at(0)).await.is_err());
    }

    replica.server.signal("CONT");
    assert_eq!(patient.end(&nagra, &who, one.id, &one.device, at(0)).await, Ok(false));
    assert_eq!(number_of(&replica, &["EXISTS", "cambio:{nagra/1663}:s"]).await, 0);
    assert_eq!(patient.session(&nagra, &who, one.id, at(0)).await, Ok(None));
    let refreshed = patient.refresh(&token(&one, 1), next(0), at(0)).await;
    assert_eq!(refreshed, Err(RefreshError::Gone));
    assert_eq!(patient.change_device(&nagra, &who, &other.device, renamed).await, Ok(false));
    assert_eq!(patient.end_all(&nagra, &who, at(0)).await, Ok(0));
}

#[tokio::test]
async fn who_finds_nothing_writes_where_replicas_are_waited_for() {
    let (master, _replica) = master_and_replica().await;
    let plain = open(settings(master.port, json!({}))).await.unwrap();
    let (nagra, who) = (tenant("nagra"), account("1663"));
    let session = plain.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let gone = PresentedRefresh { id: id(9), ..token(&session, 1) };
    // As of Redis 7.2, WAIT speaks of its own connection's last write, which would be another account's.
    for (store, writes) in [(waiting(&master).await, true), (plain, false)] {
        let calls: [BoxFuture<'_, ()>; 6] = [
            Box::pin(async {
                let begun = store.begin(claiming(sign_on(2, "b"), digest(1)), at(0)).await;
                assert_eq!(begun, Err(BeginError::ClaimGone));
            }),
            Box::pin(async {
                let refreshed = store.refresh(&gone, next(0), at(0)).await;
                assert_eq!(refreshed, Err(RefreshError::Gone));
            }),
            Box::pin(async {
                assert_eq!(store.session(&nagra, &who, id(9), at(0)).await, Ok(None));
            }),
            Box::pin(async {
                let ended = store.end(&nagra, &who, id(9), &session.device, at(0)).await;
                assert_eq!(ended, Ok(false));
            }),
            Box::pin(async {
                let ended = store.end_all(&nagra, &account("nobody"), at(0)).await;
                assert_eq!(ended, Ok(0));
            }),
            Box::pin(async {
                let (device, change) = (device_id("b"), DeviceChange::Name(None));
                let changed = store.change_device(&nagra, &who, &device, change).await;
                assert_eq!(changed, Ok(false));
            }),
        ];
        for (n, call) in calls.into_iter().enumerate() {
            master.ask(&["CONFIG", "RESETSTAT"]).await.unwrap();
            call.await;
            let stats = text_of(&master, &["INFO", "commandstats"]).await;
            assert_eq!(stats.contains("cmdstat_set:"), writes, "call {n}: {stats}");
        }
    }
}
