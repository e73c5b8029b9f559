//! Sweeping: bounded, and only what has expired.

use cambio::session::NewSession;

use super::*;

on_every_swept_backend![
    a_sweep_removes_only_what_has_expired,
    a_sweep_removes_no_more_than_its_limit,
    repeated_sweeps_get_around_many_live_sessions,
    a_sweep_of_nothing_removes_nothing,
    a_sweep_of_many_removes_no_more_than_its_limit,
    what_takes_an_ended_sessions_name_is_swept_in_its_own_time,
];

/// Session `n` expires at `n` seconds, unrefreshed; all have the same absolute end.
async fn fill(b: &Backend, sessions: std::ops::RangeInclusive<u64>) {
    for n in sessions {
        let expires_at = at(i64::try_from(n).unwrap());
        let new = NewSession { expires_at, ..sign_on(n, &format!("d{n}")) };
        b.store.begin(new, at(0)).await.unwrap();
    }
}

async fn alive_at(b: &Backend, sessions: std::ops::RangeInclusive<u64>, now: i64) -> Vec<u64> {
    let mut alive = Vec::new();
    for n in sessions {
        if b.store
            .session(&tenant("nagra"), &account("1663"), id(n), at(now))
            .await
            .unwrap()
            .is_some()
        {
            alive.push(n);
        }
    }
    alive
}

async fn a_sweep_removes_only_what_has_expired(b: &Backend) {
    fill(b, 1..=10).await;
    for n in 0..4 {
        let expires_at = at(i64::from(n) + 1);
        b.store.put_ticket(digest(n), Ticket { expires_at, ..ticket() }).await.unwrap();
    }
    // Sessions 1, 2, 3 and tickets 0, 1, 2.
    assert_eq!(b.store.sweep(100, at(3)).await, Ok(6));
    // What is left is there even for a clock that has gone back.
    assert_eq!(alive_at(b, 1..=10, 0).await, [4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(b.store.peek_ticket(digest(2), at(0)).await.unwrap(), None);
    assert!(b.store.peek_ticket(digest(3), at(0)).await.unwrap().is_some());
    assert_eq!(b.device_names().await.len(), 10);
}

async fn a_sweep_removes_no_more_than_its_limit(b: &Backend) {
    fill(b, 1..=5).await;
    for n in 0..2 {
        b.store.put_ticket(digest(n), ticket()).await.unwrap();
    }
    let mut removed = Vec::new();
    for _ in 0..4 {
        removed.push(b.store.sweep(3, at(400)).await.unwrap());
    }
    assert_eq!(removed.iter().sum::<u32>(), 7);
    assert!(removed.iter().all(|n| *n <= 3), "{removed:?}");
    assert_eq!(b.store.sweep(0, at(400)).await, Ok(0));
}

async fn repeated_sweeps_get_around_many_live_sessions(b: &Backend) {
    fill(b, 1..=200).await;
    // Sessions 1 to 100 go and come back alive, so that they stand in front of the 50
    // that expire next.
    while b.store.sweep(10, at(100)).await.unwrap() > 0 {}
    for n in 1..=100 {
        b.store.begin(sign_on_again(n, &format!("d{n}")), at(100)).await.unwrap();
    }
    let mut removed = 0;
    for _ in 0..60 {
        removed += b.store.sweep(2, at(150)).await.unwrap();
    }
    assert_eq!(removed, 50);
    assert_eq!(alive_at(b, 1..=200, 150).await.len(), 150);
}

async fn a_sweep_of_nothing_removes_nothing(b: &Backend) {
    assert_eq!(b.store.sweep(100, at(0)).await, Ok(0));
}

async fn a_sweep_of_many_removes_no_more_than_its_limit(b: &Backend) {
    fill(b, 1..=300).await;
    // Every second one lives on, and all are looked at.
    for n in (1..=300).step_by(2) {
        let session =
            b.store.session(&tenant("nagra"), &account("1663"), id(n), at(0)).await.unwrap();
        b.store.refresh(&token(&session.unwrap(), 1), next(0), at(0)).await.unwrap();
    }
    let mut removed = Vec::new();
    while removed.iter().sum::<u32>() < 150 && removed.len() < 100 {
        removed.push(b.store.sweep(60, at(400)).await.unwrap());
    }
    assert_eq!(removed.iter().sum::<u32>(), 150, "{removed:?}");
    assert!(removed.iter().all(|n| *n <= 60), "{removed:?}");
    assert_eq!(b.store.sweep(60, at(400)).await, Ok(0));
    assert_eq!(alive_at(b, 1..=300, 400).await, (1..=300).step_by(2).collect::<Vec<_>>());
}

async fn what_takes_an_ended_sessions_name_is_swept_in_its_own_time(b: &Backend) {
    fill(b, 1..=1).await;
    let (tenant, account) = (tenant("nagra"), account("1663"));
    let device = DeviceId::parse("d1").unwrap();
    assert_eq!(b.store.end(&tenant, &account, id(1), &device, at(0)).await, Ok(true));
    let again = NewSession { expires_at: at(50), ..sign_on_again(1, "d1") };
    b.store.begin(again, at(0)).await.unwrap();
    assert_eq!(b.store.sweep(10, at(2)).await, Ok(0));
    assert_eq!(alive_at(b, 1..=1, 2).await, [1]);
    assert_eq!(b.store.sweep(10, at(50)).await, Ok(1));
}
