//! Two nodes on one database: what may happen once happens once, whoever is asked, and nobody
//! waits for one who waits for him.

use std::num::NonZeroU32;

use cambio::session::{BeginError, NewSession, RefreshError, Refreshed, SessionLimit, WhenFull};

use super::*;

/// The node that the `n`th call goes to.
fn node(b: &Backend, n: u64) -> Arc<dyn Store> {
    Arc::clone(if n.is_multiple_of(2) { &b.store } else { &b.other })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_refreshes_that_race_over_two_nodes_one_rotates() {
    let b = Backend::postgres().await;
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let answers = race((0..64).map(|n| {
        let (store, token) = (node(&b, n), token(&session, 1));
        async move { store.refresh(&token, next(60), at(60)).await.unwrap() }
    }))
    .await;
    let stored = b.find(&session, 60).await.unwrap();
    assert_eq!(stored.generation, 2);
    assert_eq!(answers.iter().filter(|a| **a == Refreshed::Rotated(stored.clone())).count(), 1);
    assert_eq!(answers.iter().filter(|a| **a == Refreshed::Replayed(stored.clone())).count(), 63);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_reuses_that_race_over_two_nodes_one_ends_the_family() {
    let b = Backend::postgres().await;
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let answers = race((0..64).map(|n| {
        let (store, token) = (node(&b, n), token(&session, 7));
        async move { store.refresh(&token, next(60), at(60)).await.unwrap_err() }
    }))
    .await;
    assert_eq!(answers.iter().filter(|a| **a == RefreshError::Reused).count(), 1);
    assert_eq!(answers.iter().filter(|a| **a == RefreshError::Gone).count(), 63);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_that_two_nodes_race_for_is_used_once() {
    let b = Backend::postgres().await;
    b.store.put_ticket(digest(1), ticket()).await.unwrap();
    let answers =
        race(
            (0..64).map(|n| {
                let store = node(&b, n);
                async move {
                    store.begin(claiming(sign_on(n, &format!("d{n}")), digest(1)), at(0)).await
                }
            }),
        )
        .await;
    assert_eq!(answers.iter().filter(|a| a.is_ok()).count(), 1);
    assert_eq!(answers.iter().filter(|a| **a == Err(BeginError::ClaimGone)).count(), 63);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_device_limit_holds_over_two_nodes() {
    let b = Backend::postgres().await;
    let answers = race((0..64).map(|n| {
        let store = node(&b, n);
        async move { store.begin(limited(sign_on(n, &format!("d{n}")), 3), at(0)).await }
    }))
    .await;
    assert_eq!(answers.iter().filter(|a| a.is_ok()).count(), 3);
    assert_eq!(answers.iter().filter(|a| **a == Err(BeginError::DeviceLimit)).count(), 61);
    assert_eq!(b.device_names().await.len(), 3);
}

/// What the store said, if it did not answer.
fn store_error<T>(answer: Result<T, impl std::fmt::Display>) -> Option<String> {
    let error = answer.err()?.to_string();
    error.contains("unavailable").then_some(error)
}

/// Everything that locks more than one row, on one account, from two nodes, all at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_happens_at_once_on_an_account_deadlocks() {
    let schema = Schema::fresh().await;
    let (store, other) = (schema.open().await.unwrap(), schema.open().await.unwrap());
    let b = Backend { store, other, _holds: Box::new(()) };
    let limit = SessionLimit { max: NonZeroU32::new(4).unwrap(), when_full: WhenFull::EvictIdle };
    let first = b.store.begin(sign_on(1000, "first"), at(0)).await.unwrap().session;
    let answers = race((0..192_u64).map(|n| {
        let (store, first) = (node(&b, n / 8), first.clone());
        async move {
            let (nagra, owner) = (tenant("nagra"), account("1663"));
            let failed: Option<String> = match n % 8 {
                0..=2 => {
                    let new = sign_on(n, &format!("d{n}"));
                    store_error(store.begin(NewSession { limit: Some(limit), ..new }, at(1)).await)
                }
                3 => {
                    let again = NewSession { limit: Some(limit), ..sign_on_again(n, "first") };
                    store_error(store.begin(again, at(1)).await)
                }
                4 => store_error(store.refresh(&token(&first, 1), next(1), at(1)).await),
                5 => store_error(store.end_all(&nagra, &owner, at(1)).await),
                6 => {
                    let (device, state) = match n / 8 % 3 {
                        0 => (format!("d{}", n - 6), DeviceState::Deleted),
                        1 => ("first".to_owned(), DeviceState::Disabled),
                        _ => ("first".to_owned(), DeviceState::Active),
                    };
                    let change = DeviceChange::State(state);
                    let device = device_id(&device);
                    store_error(store.change_device(&nagra, &owner, &device, change).await)
                }
                _ => store_error(store.sweep(50, at(IDLE - 1)).await),
            };
            failed
        }
    }))
    .await;
    assert_eq!(answers.into_iter().flatten().collect::<Vec<_>>(), [""; 0]);
    // Each row is what the last change made it: nothing is half done.
    let alive = b.store.sessions(&tenant("nagra"), &account("1663"), at(1)).await.unwrap();
    assert!(alive.len() <= 4, "{}", alive.len());
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(schema.number(deadlocks).await, 0);
}
