//! Looking at a session and ending it.

use cambio::session::{NewSession, RefreshError};

use super::*;

on_every_backend![
    ending_is_for_the_sessions_own_device_and_tenant,
    ending_twice_says_so,
    an_ended_session_leaves_its_device_registered,
    an_expired_session_is_absent,
    an_accounts_sessions_are_listed_in_order,
    ending_all_is_for_one_account_and_leaves_devices,
    ending_all_beats_what_follows,
    ending_all_ends_what_this_nodes_clock_calls_expired,
];

/// A sign-on of another account.
fn sign_on_of(name: &str, number: u64, device_name: &str) -> NewSession {
    let mut new = sign_on(number, device_name);
    new.facts = facts(name);
    if let DeviceRequest::Register { device, .. } = &mut new.device {
        device.account = account(name);
    }
    new
}

async fn an_accounts_sessions_are_listed_in_order(b: &Backend) {
    let late = NewSession { id: SessionId { ends_at: at(2 * END), number: 1 }, ..sign_on(1, "c") };
    for new in [late, sign_on(3, "a"), sign_on(2, "b"), sign_on_of("16", 4, "d")] {
        b.store.begin(new, at(0)).await.unwrap();
    }
    let short = NewSession { expires_at: at(5), ..sign_on(5, "e") };
    b.store.begin(short, at(0)).await.unwrap();
    let found = b.store.sessions(&tenant("nagra"), &account("1663"), at(5)).await.unwrap();
    let numbers: Vec<_> = found.iter().map(|s| s.id.number).collect();
    assert_eq!(numbers, [2, 3, 1]);
    assert_eq!(b.find(&found[0], 5).await.as_ref(), Some(&found[0]));
    assert_eq!(found[0].begun_at, at(0));
    let other = b.store.sessions(&tenant("other"), &account("1663"), at(5)).await;
    assert_eq!(other, Ok(Vec::new()));
}

async fn ending_all_is_for_one_account_and_leaves_devices(b: &Backend) {
    for new in [sign_on(1, "a"), sign_on(2, "b"), sign_on_of("16", 3, "c")] {
        b.store.begin(new, at(0)).await.unwrap();
    }
    let short = NewSession { expires_at: at(5), ..sign_on(4, "e") };
    b.store.begin(short, at(0)).await.unwrap();
    assert_eq!(b.store.end_all(&tenant("nagra"), &account("1663"), at(5)).await, Ok(2));
    assert_eq!(b.store.end_all(&tenant("nagra"), &account("1663"), at(5)).await, Ok(0));
    let others = b.store.sessions(&tenant("nagra"), &account("16"), at(5)).await.unwrap();
    assert_eq!(others.len(), 1);
    assert!(b.store.begin(sign_on_again(5, "a"), at(5)).await.is_ok());
}

/// Or another node, whose clock is behind, would refresh it after the user was told that it is over.
async fn ending_all_ends_what_this_nodes_clock_calls_expired(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let ahead = at(IDLE + 20);
    assert_eq!(b.store.end_all(&session.tenant, &account("1663"), ahead).await.map(drop), Ok(()));
    let refused = b.other.refresh(&token(&session, 1), next(IDLE - 10), at(IDLE - 10)).await;
    assert_eq!(refused, Err(RefreshError::Gone));
}

async fn ending_all_beats_what_follows(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    b.store.end_all(&session.tenant, &account("1663"), at(1)).await.unwrap();
    assert_eq!(b.find(&session, 1).await, None);
    let refused = b.other.refresh(&token(&session, 1), next(1), at(1)).await;
    assert_eq!(refused, Err(RefreshError::Gone));
}

async fn ending_is_for_the_sessions_own_device_and_tenant(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    b.store.begin(sign_on(2, "b"), at(0)).await.unwrap();
    let foreign =
        b.store.end(&session.tenant, &account("1663"), session.id, &device_id("b"), at(0)).await;
    assert_eq!(foreign, Ok(false));
    for (tenant, account) in [(tenant("other"), account("1663")), (tenant("nagra"), account("1"))] {
        let elsewhere = b.store.end(&tenant, &account, session.id, &session.device, at(0)).await;
        assert_eq!(elsewhere, Ok(false));
        let unseen = b.store.session(&tenant, &account, session.id, at(0)).await;
        assert_eq!(unseen, Ok(None));
    }
    assert!(b.find(&session, 0).await.is_some());
}

async fn ending_twice_says_so(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let owner = account("1663");
    let end = || b.store.end(&session.tenant, &owner, session.id, &session.device, at(0));
    assert_eq!(end().await, Ok(true));
    assert_eq!(b.find(&session, 0).await, None);
    assert_eq!(end().await, Ok(false));
}

async fn an_ended_session_leaves_its_device_registered(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    b.store
        .end(&session.tenant, &account("1663"), session.id, &session.device, at(0))
        .await
        .unwrap();
    assert!(b.store.begin(sign_on_again(2, "a"), at(0)).await.is_ok());
}

async fn an_expired_session_is_absent(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    assert!(b.find(&session, IDLE - 1).await.is_some());
    assert_eq!(b.find(&session, IDLE).await, None);
    let ended =
        b.store.end(&session.tenant, &account("1663"), session.id, &session.device, at(IDLE)).await;
    assert_eq!(ended, Ok(false));
}
