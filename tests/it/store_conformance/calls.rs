//! What holds for a call whatever it does: dropped calls, readiness, the backend's name.

use std::task::{Context, Waker};

use super::*;
use crate::real::eventually;

on_every_backend![
    a_dropped_begin_happened_or_did_not,
    a_dropped_refresh_happened_or_did_not,
    a_working_store_is_ready,
];

/// Lets a call start, and drops it where it first waits.
fn start_and_drop<T>(call: impl Future<Output = T>) {
    let mut call = Box::pin(call);
    let _ = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
}

async fn a_dropped_begin_happened_or_did_not(b: &Backend) {
    for n in 0..32u8 {
        b.store.put_ticket(digest(n), ticket()).await.unwrap();
        let name = format!("d{n}");
        let new = claiming(sign_on(n.into(), &name), digest(n));
        start_and_drop(b.store.begin(new, at(0)));
        // It may still happen while it is looked for, but not in part.
        let whole = async || {
            let (nagra, account) = (tenant("nagra"), account("1663"));
            let session = b.store.session(&nagra, &account, id(n.into()), at(0));
            let begun = session.await.unwrap().is_some();
            let claimed = b.store.peek_ticket(digest(n), at(0)).await.unwrap().is_none();
            let registered = b.device_names().await.contains(&name);
            ((claimed, registered) == (begun, begun)).then_some(())
        };
        eventually("it happened or it did not", whole).await;
    }
}

async fn a_dropped_refresh_happened_or_did_not(b: &Backend) {
    // A session each. What is dropped may yet happen, and would be reuse if the client were two pairs further then.
    for n in 0..32 {
        let session = b.store.begin(sign_on(n, &format!("d{n}")), at(0)).await.unwrap().session;
        start_and_drop(b.store.refresh(&token(&session, 1), next(0), at(0)));
        // The client's retry: the same pair, whether the first call happened or not.
        let retried = b.store.refresh(&token(&session, 1), next(0), at(0)).await;
        assert!(retried.is_ok(), "{retried:?}");
        assert_eq!(b.find(&session, 0).await.unwrap().generation, 2);
    }
}

async fn a_working_store_is_ready(b: &Backend) {
    assert_eq!(b.store.check().await, Ok(()));
    assert!(["memory", "sqlite", "postgres", "redis"].contains(&b.store.kind()));
}
