//! Looking at a session and ending it.

use super::*;

on_every_backend![
    ending_is_for_the_sessions_own_device_and_tenant,
    ending_twice_says_so,
    an_ended_session_leaves_its_device_registered,
    an_expired_session_is_absent,
];

async fn ending_is_for_the_sessions_own_device_and_tenant(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap();
    b.store.begin(sign_on(2, "b"), at(0)).await.unwrap();
    let foreign = b.store.end(&session.tenant, session.id, &device_id("b"), at(0)).await;
    assert_eq!(foreign, Ok(false));
    let elsewhere = b.store.end(&tenant("other"), session.id, &session.device, at(0)).await;
    assert_eq!(elsewhere, Ok(false));
    assert!(b.find(&session, 0).await.is_some());
}

async fn ending_twice_says_so(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap();
    let end = || b.store.end(&session.tenant, session.id, &session.device, at(0));
    assert_eq!(end().await, Ok(true));
    assert_eq!(b.find(&session, 0).await, None);
    assert_eq!(end().await, Ok(false));
}

async fn an_ended_session_leaves_its_device_registered(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap();
    b.store.end(&session.tenant, session.id, &session.device, at(0)).await.unwrap();
    assert!(b.store.begin(sign_on_again(2, "a"), at(0)).await.is_ok());
}

async fn an_expired_session_is_absent(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap();
    assert!(b.find(&session, IDLE - 1).await.is_some());
    assert_eq!(b.find(&session, IDLE).await, None);
    let ended = b.store.end(&session.tenant, session.id, &session.device, at(IDLE)).await;
    assert_eq!(ended, Ok(false));
}
