//! How many sessions an account may have: refused, or made room for, in the one step that begins
//! the session.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use cambio::session::{
    BeginError, Begun, NewSession, RefreshError, SESSIONS_A_PLACE, SessionLimit, UpstreamSession,
    WhenFull,
};

use super::*;

on_every_backend![
    a_full_account_denies_and_changes_nothing,
    what_ends_gives_its_place_back,
    the_limit_is_each_accounts_own,
    the_oldest_is_evicted_whatever_it_did_since,
    the_one_idle_longest_is_evicted,
    a_lowered_limit_evicts_as_many_as_it_takes,
    an_evicted_session_is_absent_and_its_client_is_told,
    a_refused_sign_on_evicts_nobody,
    sessions_of_one_sso_session_take_one_place,
    sessions_of_one_sso_session_go_together,
    what_shares_a_place_is_bounded,
    the_limit_holds_when_it_is_raced,
    evictions_hold_the_limit_when_they_are_raced,
];

fn at_most(max: u32, when_full: WhenFull, new: NewSession) -> NewSession {
    let limit = SessionLimit { max: NonZeroU32::new(max).unwrap(), when_full };
    NewSession { limit: Some(limit), ..new }
}

fn by_sso(n: u8, new: NewSession) -> NewSession {
    NewSession { upstream: Some(UpstreamSession([n; 32])), ..new }
}

/// Session `n` on device `dn`.
fn nth(n: u64) -> NewSession {
    sign_on(n, &format!("d{n}"))
}

async fn begin(b: &Backend, new: NewSession, now: i64) -> Begun {
    b.store.begin(new, at(now)).await.unwrap()
}

/// The numbers of the account's live sessions.
async fn alive(b: &Backend, now: i64) -> Vec<u64> {
    let found = b.store.sessions(&tenant("nagra"), &account("1663"), at(now)).await.unwrap();
    found.into_iter().map(|session| session.id.number).collect()
}

async fn a_full_account_denies_and_changes_nothing(b: &Backend) {
    begin(b, at_most(2, WhenFull::Deny, nth(1)), 0).await;
    begin(b, at_most(2, WhenFull::Deny, nth(2)), 0).await;
    b.store.put_ticket(digest(1), ticket()).await.unwrap();
    let third = at_most(2, WhenFull::Deny, claiming(nth(3), digest(1)));
    assert_eq!(b.store.begin(third.clone(), at(0)).await, Err(BeginError::SessionLimit));
    assert_eq!(alive(b, 0).await, [1, 2]);
    assert_eq!(b.device_names().await, ["d1", "d2"]);
    assert!(b.store.peek_ticket(digest(1), at(0)).await.unwrap().is_some());
    // Without a limit nobody looks.
    begin(b, NewSession { limit: None, ..third }, 0).await;
}

async fn what_ends_gives_its_place_back(b: &Backend) {
    let first = begin(b, at_most(1, WhenFull::Deny, nth(1)), 0).await.session;
    let again = |n: u64| at_most(1, WhenFull::Deny, nth(n));
    assert_eq!(b.store.begin(again(2), at(0)).await, Err(BeginError::SessionLimit));
    b.store.end(&first.tenant, &account("1663"), first.id, &first.device, at(0)).await.unwrap();
    let second = begin(b, again(2), 0).await.session;
    let late = at_most(1, WhenFull::Deny, NewSession { expires_at: at(2 * IDLE), ..nth(3) });
    begin(b, late, IDLE).await;
    assert_eq!(b.find(&second, IDLE).await, None);
    assert_eq!(b.store.begin(again(4), at(IDLE)).await, Err(BeginError::SessionLimit));
    assert!(b.set_device("d3", DeviceState::Deleted).await);
    begin(b, NewSession { expires_at: at(2 * IDLE), ..again(4) }, IDLE).await;
    assert_eq!(alive(b, IDLE).await, [4]);
}

async fn the_limit_is_each_accounts_own(b: &Backend) {
    begin(b, at_most(1, WhenFull::EvictOldest, nth(1)), 0).await;
    for (n, name) in [(2, "166"), (3, "16630")] {
        let mut new = at_most(1, WhenFull::EvictOldest, nth(n));
        new.facts = facts(name);
        if let DeviceRequest::Register { device, .. } = &mut new.device {
            device.account = account(name);
        }
        assert_eq!(begin(b, new, 0).await.evicted, []);
    }
    let elsewhere = NewSession { tenant: tenant("other"), ..nth(1) };
    assert_eq!(begin(b, at_most(1, WhenFull::EvictOldest, elsewhere), 0).await.evicted, []);
    assert_eq!(alive(b, 0).await, [1]);
}

async fn the_oldest_is_evicted_whatever_it_did_since(b: &Backend) {
    let oldest = begin(b, nth(9), 0).await.session;
    begin(b, nth(5), 1).await;
    b.store.refresh(&token(&oldest, 1), next(50), at(50)).await.unwrap();
    let begun = begin(b, at_most(2, WhenFull::EvictOldest, nth(7)), 60).await;
    assert_eq!(begun.evicted, [oldest.id]);
    assert_eq!(alive(b, 60).await, [5, 7]);
}

async fn the_one_idle_longest_is_evicted(b: &Backend) {
    let oldest = begin(b, nth(9), 0).await.session;
    let idle = begin(b, nth(5), 1).await.session;
    b.store.refresh(&token(&oldest, 1), next(50), at(50)).await.unwrap();
    let begun = begin(b, at_most(2, WhenFull::EvictIdle, nth(7)), 60).await;
    assert_eq!(begun.evicted, [idle.id]);
    assert_eq!(alive(b, 60).await, [7, 9]);
}

async fn a_lowered_limit_evicts_as_many_as_it_takes(b: &Backend) {
    for n in 1..=5 {
        begin(b, nth(n), i64::try_from(n).unwrap()).await;
    }
    let begun = begin(b, at_most(2, WhenFull::EvictOldest, nth(6)), 9).await;
    assert_eq!(begun.evicted, [id(1), id(2), id(3), id(4)]);
    assert_eq!(alive(b, 9).await, [5, 6]);
}

async fn an_evicted_session_is_absent_and_its_client_is_told(b: &Backend) {
    let first = begin(b, nth(1), 0).await.session;
    begin(b, at_most(1, WhenFull::EvictOldest, nth(2)), 5).await;
    assert_eq!(b.find(&first, 5).await, None);
    let owner = account("1663");
    let ended = b.store.end(&first.tenant, &owner, first.id, &first.device, at(5)).await;
    assert_eq!(ended, Ok(false));
    for generation in [1, 1, 2] {
        let told = b.other.refresh(&token(&first, generation), next(6), at(6)).await;
        assert_eq!(told, Err(RefreshError::Evicted));
    }
    let stranger = PresentedRefresh { account: account("1664"), ..token(&first, 1) };
    assert_eq!(b.store.refresh(&stranger, next(6), at(6)).await, Err(RefreshError::Gone));
    let late = b.store.refresh(&token(&first, 1), next(IDLE), at(IDLE)).await;
    assert_eq!(late, Err(RefreshError::Gone));
}

async fn a_refused_sign_on_evicts_nobody(b: &Backend) {
    begin(b, nth(1), 0).await;
    let taken = at_most(1, WhenFull::EvictOldest, sign_on(1, "d2"));
    assert_eq!(b.store.begin(taken, at(0)).await, Err(BeginError::Conflict));
    let full = at_most(1, WhenFull::Deny, sign_on(1, "d1"));
    assert_eq!(b.store.begin(full, at(0)).await, Err(BeginError::SessionLimit));
    let unknown = at_most(1, WhenFull::EvictOldest, sign_on_again(2, "d9"));
    assert_eq!(b.store.begin(unknown, at(0)).await, Err(BeginError::DeviceUnknown));
    assert_eq!(alive(b, 0).await, [1]);
}

async fn sessions_of_one_sso_session_take_one_place(b: &Backend) {
    let deny = |sso, n| at_most(2, WhenFull::Deny, by_sso(sso, nth(n)));
    let first = begin(b, deny(1, 1), 0).await.session;
    assert_eq!(first.upstream, Some(UpstreamSession([1; 32])));
    begin(b, deny(1, 2), 0).await;
    begin(b, deny(2, 3), 0).await;
    begin(b, deny(1, 4), 0).await;
    assert_eq!(b.store.begin(deny(3, 5), at(0)).await, Err(BeginError::SessionLimit));
    // One without an SSO session shares with nobody.
    let alone = at_most(2, WhenFull::Deny, nth(5));
    assert_eq!(b.store.begin(alone, at(0)).await, Err(BeginError::SessionLimit));
    assert_eq!(alive(b, 0).await, [1, 2, 3, 4]);
    assert_eq!(b.find(&first, 0).await, Some(first));
}

async fn sessions_of_one_sso_session_go_together(b: &Backend) {
    begin(b, by_sso(1, nth(1)), 0).await;
    begin(b, by_sso(2, nth(2)), 1).await;
    begin(b, by_sso(1, nth(3)), 2).await;
    let begun = begin(b, at_most(2, WhenFull::EvictOldest, nth(4)), 3).await;
    assert_eq!(begun.evicted, [id(1), id(3)]);
    assert_eq!(alive(b, 3).await, [2, 4]);
}

async fn what_shares_a_place_is_bounded(b: &Backend) {
    let many = u64::try_from(SESSIONS_A_PLACE).unwrap();
    for n in 1..=many {
        let new = at_most(1, WhenFull::Deny, by_sso(1, nth(n)));
        assert_eq!(begin(b, new, 0).await.evicted, []);
    }
    let first = b.store.session(&tenant("nagra"), &account("1663"), id(1), at(0)).await.unwrap();
    b.store.refresh(&token(&first.unwrap(), 1), next(5), at(5)).await.unwrap();
    let begun = begin(b, at_most(1, WhenFull::Deny, by_sso(1, nth(many + 1))), 9).await;
    assert_eq!(begun.evicted, [id(2)]);
    assert_eq!(alive(b, 9).await.len(), SESSIONS_A_PLACE);
}

async fn the_limit_holds_when_it_is_raced(b: &Backend) {
    let calls = (0..64).map(|n| {
        let store = Arc::clone(if n % 2 == 0 { &b.store } else { &b.other });
        async move { store.begin(at_most(3, WhenFull::Deny, nth(n)), at(0)).await }
    });
    let answers = race(calls).await;
    assert_eq!(answers.iter().filter(|a| a.is_ok()).count(), 3);
    assert_eq!(answers.iter().filter(|a| **a == Err(BeginError::SessionLimit)).count(), 61);
    assert_eq!(alive(b, 0).await.len(), 3);
}

async fn evictions_hold_the_limit_when_they_are_raced(b: &Backend) {
    let calls = (0..32).map(|n| {
        let store = Arc::clone(if n % 2 == 0 { &b.store } else { &b.other });
        async move { store.begin(at_most(3, WhenFull::EvictIdle, nth(n)), at(0)).await.unwrap() }
    });
    let begun = race(calls).await;
    let evicted: Vec<_> = begun.iter().flat_map(|begun| &begun.evicted).collect();
    // Nobody is evicted twice.
    assert_eq!(evicted.iter().collect::<BTreeSet<_>>().len(), evicted.len());
    assert_eq!(evicted.len(), 29);
    assert_eq!(alive(b, 0).await.len(), 3);
}
