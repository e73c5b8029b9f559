//! Refreshing: rotation, the grace window and reuse. `model.rs` tries the rules in any
//! order; here each stands alone.

use std::sync::Arc;

use cambio::session::{NewSession, RefreshError, Refreshed};

use super::*;

on_every_backend![
    the_current_token_rotates,
    of_racing_refreshes_one_rotates_and_the_rest_replay_it,
    a_retry_inside_the_grace_window_gets_the_same_pair,
    the_grace_window_includes_its_last_second,
    using_the_successor_closes_the_window,
    reuse_ends_the_family,
    a_generation_that_was_never_issued_ends_the_family,
    a_device_that_is_not_active_refuses_and_consumes_nothing,
    another_accounts_or_devices_token_is_gone_and_harmless,
    the_account_is_kept_or_replaced,
    another_account_cannot_take_a_session_over,
    another_services_refresh_is_refused_and_ends_nothing,
    a_refresh_never_outlives_the_absolute_end,
    an_expired_or_ended_session_does_not_refresh,
    a_clock_that_goes_back_still_replays,
];

async fn the_current_token_rotates(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let next = NextPair { on_network: true, ..next(60) };
    let refreshed = b.store.refresh(&token(&session, 1), next, at(60)).await.unwrap();
    let mut expected = session;
    (expected.generation, expected.issued_at) = (2, at(60));
    expected.expires_at = at(60 + IDLE);
    expected.facts.on_network = true;
    assert_eq!(refreshed, Refreshed::Rotated(expected.clone()));
    assert_eq!(b.find(&expected, 60).await, Some(expected));
}

async fn of_racing_refreshes_one_rotates_and_the_rest_replay_it(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let calls = (0..64).map(|_| {
        let (store, token) = (Arc::clone(&b.store), token(&session, 1));
        async move { store.refresh(&token, next(60), at(60)).await.unwrap() }
    });
    let answers = race(calls).await;
    let stored = b.find(&session, 60).await.unwrap();
    assert_eq!(stored.generation, 2);
    let rotated = Refreshed::Rotated(stored.clone());
    let replayed = Refreshed::Replayed(stored);
    assert_eq!(answers.iter().filter(|a| **a == rotated).count(), 1);
    assert_eq!(answers.iter().filter(|a| **a == replayed).count(), 63);
}

async fn a_retry_inside_the_grace_window_gets_the_same_pair(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let first = b.store.refresh(&token(&session, 1), next(60), at(60)).await.unwrap();
    let Refreshed::Rotated(second) = first else { panic!("{first:?}") };
    let retry = NextPair { on_network: true, ..next(70) };
    let again = b.store.refresh(&token(&session, 1), retry, at(70)).await.unwrap();
    assert_eq!(again, Refreshed::Replayed(second.clone()));
    assert_eq!(b.find(&second, 70).await, Some(second));
}

async fn the_grace_window_includes_its_last_second(b: &Backend) {
    for (number, after, expected) in [(1, GRACE, true), (2, GRACE + 1, false)] {
        let session =
            b.store.begin(sign_on(number, &format!("d{number}")), at(0)).await.unwrap().session;
        b.store.refresh(&token(&session, 1), next(60), at(60)).await.unwrap();
        let late = b.store.refresh(&token(&session, 1), next(60), at(60 + after)).await;
        assert_eq!(late.is_ok(), expected, "{late:?}");
    }
}

async fn using_the_successor_closes_the_window(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    b.store.refresh(&token(&session, 1), next(60), at(60)).await.unwrap();
    b.store.refresh(&token(&session, 2), next(61), at(61)).await.unwrap();
    let reused = b.store.refresh(&token(&session, 1), next(61), at(61)).await;
    assert_eq!(reused, Err(RefreshError::Reused));
}

async fn reuse_ends_the_family(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    b.store.refresh(&token(&session, 1), next(60), at(60)).await.unwrap();
    let reused = b.store.refresh(&token(&session, 1), next(60), at(1000)).await;
    assert_eq!(reused, Err(RefreshError::Reused));
    assert_eq!(b.find(&session, 1000).await, None);
    let current = b.store.refresh(&token(&session, 2), next(1000), at(1000)).await;
    assert_eq!(current, Err(RefreshError::Gone));
}

async fn a_generation_that_was_never_issued_ends_the_family(b: &Backend) {
    for (number, generation) in [(1, 0), (2, 2), (3, u32::MAX)] {
        let session =
            b.store.begin(sign_on(number, &format!("d{number}")), at(0)).await.unwrap().session;
        let reused = b.store.refresh(&token(&session, generation), next(0), at(0)).await;
        assert_eq!(reused, Err(RefreshError::Reused), "{generation}");
        assert_eq!(b.find(&session, 0).await, None);
    }
}

async fn a_device_that_is_not_active_refuses_and_consumes_nothing(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    b.set_device("a", DeviceState::Disabled).await;
    for generation in [1, 2] {
        let refused = b.store.refresh(&token(&session, generation), next(9), at(9)).await;
        assert_eq!(refused, Err(RefreshError::DeviceDisabled));
    }
    assert_eq!(b.find(&session, 9).await, Some(session.clone()));
    b.set_device("a", DeviceState::Active).await;
    assert!(b.store.refresh(&token(&session, 1), next(9), at(9)).await.is_ok());
    b.set_device("a", DeviceState::Deleted).await;
    let refused = b.store.refresh(&token(&session, 2), next(9), at(9)).await;
    assert_eq!(refused, Err(RefreshError::DeviceDeleted));
}

async fn another_accounts_or_devices_token_is_gone_and_harmless(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    b.store.begin(sign_on(2, "b"), at(0)).await.unwrap();
    let wrong = [
        PresentedRefresh { account: account("1664"), ..token(&session, 1) },
        PresentedRefresh { device: device_id("b"), ..token(&session, 1) },
        PresentedRefresh { tenant: tenant("other"), ..token(&session, 1) },
        PresentedRefresh { id: id(3), ..token(&session, 1) },
        PresentedRefresh { account: account("1664"), ..token(&session, 9) },
    ];
    for token in wrong {
        assert_eq!(b.store.refresh(&token, next(9), at(9)).await, Err(RefreshError::Gone));
    }
    assert_eq!(b.find(&session, 9).await, Some(session));
}

async fn the_account_is_kept_or_replaced(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let mut changed = session.facts.account.clone();
    changed.geo_block_exempt = true;
    changed.roles = vec!["USE_API".to_owned()];
    let with = NextPair { account: Some(changed.clone()), ..next(9) };
    let replaced = b.store.refresh(&token(&session, 1), with, at(9)).await.unwrap();
    let stored = b.find(&session, 9).await.unwrap();
    assert_eq!(stored.facts.account, changed);
    assert_eq!(replaced, Refreshed::Rotated(stored));
    let same = b.store.refresh(&token(&session, 2), next(9), at(9)).await.unwrap();
    let kept = b.find(&session, 9).await.unwrap();
    assert_eq!(kept.facts.account, changed);
    assert_eq!(kept.facts.authenticated_at, session.facts.authenticated_at);
    assert_eq!(same, Refreshed::Rotated(kept));
}

async fn another_account_cannot_take_a_session_over(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let with = NextPair { account: Some(facts("1664").account), ..next(9) };
    let refused = b.store.refresh(&token(&session, 1), with, at(9)).await;
    assert_eq!(refused, Err(RefreshError::Gone));
    assert_eq!(b.find(&session, 9).await, Some(session));
}

async fn another_services_refresh_is_refused_and_ends_nothing(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let other = ServiceName::parse("Another Service").unwrap();
    let with = NextPair { service: other, ..next(9) };
    let refused = b.store.refresh(&token(&session, 1), with, at(9)).await;
    assert_eq!(refused, Err(RefreshError::Gone));
    assert_eq!(b.find(&session, 9).await, Some(session));
}

async fn a_refresh_never_outlives_the_absolute_end(b: &Backend) {
    let new = NewSession { expires_at: at(END), ..sign_on(1, "a") };
    let session = b.store.begin(new, at(0)).await.unwrap().session;
    b.store.refresh(&token(&session, 1), next(END - 1), at(END - 1)).await.unwrap();
    assert_eq!(b.find(&session, END - 1).await.unwrap().expires_at, at(END));
    let late = b.store.refresh(&token(&session, 2), next(END), at(END)).await;
    assert_eq!(late, Err(RefreshError::Gone));
}

async fn an_expired_or_ended_session_does_not_refresh(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let expired = b.store.refresh(&token(&session, 1), next(IDLE), at(IDLE)).await;
    assert_eq!(expired, Err(RefreshError::Gone));
    assert!(
        b.store
            .end(&session.tenant, &account("1663"), session.id, &session.device, at(0))
            .await
            .unwrap()
    );
    let ended = b.store.refresh(&token(&session, 1), next(0), at(0)).await;
    assert_eq!(ended, Err(RefreshError::Gone));
}

async fn a_clock_that_goes_back_still_replays(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    b.store.refresh(&token(&session, 1), next(60), at(60)).await.unwrap();
    for now in [at(-3600), Timestamp::from_secs(i64::MIN)] {
        let retried = b.store.refresh(&token(&session, 1), next(60), now).await.unwrap();
        assert!(matches!(retried, Refreshed::Replayed(_)));
    }
}
