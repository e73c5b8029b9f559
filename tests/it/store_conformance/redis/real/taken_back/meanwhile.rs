//! What happens to the account between a sign-on and its taking back stands.

use super::*;

#[tokio::test]
async fn a_retry_that_comes_before_is_not_told_that_its_ticket_is_used() {
    let outage = Outage::begin().await;
    outage
        .unanswered(async || {
            let store = Arc::clone(&outage.waiting);
            let retry = NewSession { id: id(3), ..newer() };
            let retry = tokio::spawn(async move { store.begin(retry, at(0)).await });
            let waiters = waiters(&outage.master, 2).await;
            give_up(&outage.master, &waiters[1]).await;
            refused(&retry.await.unwrap());
        })
        .await;
    assert_eq!(outage.ticket().await, Some(ticket()));
}

#[tokio::test]
async fn who_has_come_to_share_its_place_keeps_it() {
    let outage = Outage::begin().await;
    let sharing = NewSession { claim: None, id: id(3), ..newer() };
    let sharing = NewSession { device: sign_on(3, "c").device, ..sharing };
    outage
        .unanswered(async || {
            assert_eq!(outage.plain.begin(sharing, at(0)).await.unwrap().evicted, []);
        })
        .await;
    let ids: Vec<_> = outage.sessions().await.iter().map(|session| session.id).collect();
    assert_eq!(ids, [id(3)]);
    assert_eq!(outage.refreshed().await, Err(RefreshError::Evicted));
    assert_eq!(outage.ticket().await, Some(ticket()));
    assert_eq!(outage.devices().await, [device("a"), device("c")]);
}

#[tokio::test]
async fn who_has_taken_its_place_keeps_it() {
    let outage = Outage::begin().await;
    let other = NewSession { limit: newer().limit, ..sign_on(3, "c") };
    outage
        .unanswered(async || {
            assert_eq!(outage.plain.begin(other, at(0)).await.unwrap().evicted, [id(2)]);
        })
        .await;
    let ids: Vec<_> = outage.sessions().await.iter().map(|session| session.id).collect();
    assert_eq!(ids, [id(3)]);
    assert_eq!(outage.refreshed().await, Err(RefreshError::Evicted));
}

#[tokio::test]
async fn of_two_the_one_does_not_bring_back_the_other() {
    let outage = Outage::begin().await;
    let store = Arc::clone(&outage.waiting);
    let other = NewSession { limit: newer().limit, ..sign_on(3, "c") };
    let mut second = None;
    outage
        .unanswered(async || {
            second = Some(tokio::spawn(async move { store.begin(other, at(0)).await }));
            waiters(&outage.master, 2).await;
        })
        .await;
    give_up(&outage.master, &waiters(&outage.master, 1).await[0]).await;
    refused(&second.unwrap().await.unwrap());
    // Nobody was told of the first either.
    assert_eq!(outage.sessions().await, []);
}

#[tokio::test]
async fn who_has_signed_out_meanwhile_stays_signed_out() {
    let outage = Outage::begin().await;
    let (nagra, who, old) = (tenant("nagra"), account("1663"), outage.old.clone());
    // Redis knows the script from here on: else the call would wait twice.
    assert_eq!(outage.plain.end(&nagra, &who, id(9), &old.device, at(0)).await, Ok(false));
    outage
        .unanswered(async || {
            let store = Arc::clone(&outage.waiting);
            let end = async move { store.end(&nagra, &who, old.id, &old.device, at(0)).await };
            let ended = tokio::spawn(end);
            let waiters = waiters(&outage.master, 2).await;
            give_up(&outage.master, &waiters[1]).await;
            assert!(ended.await.unwrap().is_err());
        })
        .await;
    assert_eq!(outage.sessions().await, []);
    assert_eq!(outage.ticket().await, Some(ticket()));
}

#[tokio::test]
async fn whose_device_was_deleted_meanwhile_stays_away() {
    let outage = Outage::begin().await;
    let (nagra, who, deleted) = (tenant("nagra"), account("1663"), DeviceState::Deleted);
    outage
        .unanswered(async || {
            let change = DeviceChange::State(deleted);
            let device = &outage.old.device;
            let changed = outage.plain.change_device(&nagra, &who, device, change).await;
            assert_eq!(changed, Ok(true));
        })
        .await;
    assert_eq!(outage.sessions().await, []);
    assert_eq!(outage.refreshed().await, Err(RefreshError::DeviceDeleted));
    assert_eq!(outage.devices().await, [Device { state: deleted, ..device("a") }]);
}

#[tokio::test]
async fn when_everything_has_ended_meanwhile_nobody_comes_back() {
    let outage = Outage::begin().await;
    outage
        .unanswered(async || {
            let ended = outage.plain.end_all(&tenant("nagra"), &account("1663"), at(0)).await;
            assert_eq!(ended, Ok(1));
        })
        .await;
    assert_eq!(outage.sessions().await, []);
}

#[tokio::test]
async fn a_device_that_another_session_uses_stays() {
    let outage = Outage::begin().await;
    let mut other = None;
    outage
        .unanswered(async || {
            let begun = outage.plain.begin(sign_on_again(3, "b"), at(0)).await;
            other = Some(begun.unwrap().session);
        })
        .await;
    assert_eq!(outage.sessions().await, [outage.old.clone(), other.unwrap()]);
    assert_eq!(outage.devices().await, [device("a"), device("b")]);
}
