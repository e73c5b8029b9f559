//! The connection is lost after Redis has done what it was asked and before it could say so. The
//! store asks a second time, and the answer is the first one's.

use super::*;
use crate::real::proxy::Proxy;

/// A store whose answers get lost when the proxy is told so.
async fn behind_proxy() -> (Redis, Proxy, Arc<dyn Store>) {
    let redis = Redis::start().await;
    let proxy = Proxy::to(redis.port).await;
    let store = open(settings(proxy.port, json!({}))).await.unwrap();
    // The first use of a script has two answers: that it is unknown, and the one that counts.
    let warm = tenant("warm");
    let new = NewSession { tenant: warm.clone(), ..sign_on(1, "a") };
    let session = store.begin(new, at(0)).await.unwrap().session;
    store.refresh(&token(&session, 1), next(0), at(0)).await.unwrap();
    let account = account("1663");
    assert!(store.end(&warm, &account, session.id, &session.device, at(0)).await.unwrap());
    let change = DeviceChange::Name(None);
    assert!(store.change_device(&warm, &account, &session.device, change).await.unwrap());
    store.put_ticket(digest(255), ticket()).await.unwrap();
    assert!(store.swap_keys("warm", 0, b"").await.unwrap());
    (redis, proxy, store)
}

#[tokio::test]
async fn a_sign_on_happens_once() {
    let (_redis, proxy, store) = behind_proxy().await;
    store.put_ticket(digest(1), ticket()).await.unwrap();
    let new = limited(claiming(sign_on(1, "a"), digest(1)), 1);
    proxy.lose_the_next_answer();
    let begun = store.begin(new.clone(), at(0)).await.unwrap();
    assert!(proxy.has_lost_it());
    assert_eq!((begun.session.id, begun.session.generation), (id(1), 1));
    assert_eq!(begun.session.device_class.as_deref(), Some("TV"));
    assert_eq!(store.peek_ticket(digest(1), at(0)).await, Ok(None));
    assert_eq!(store.devices(&tenant("nagra"), &account("1663")).await.unwrap().len(), 1);
    let again = store.begin(new, at(0)).await;
    assert_eq!(again, Err(BeginError::ClaimGone), "another call is another call");
}

#[tokio::test]
async fn a_refresh_answers_the_pair_that_was_made() {
    let (_redis, proxy, store) = behind_proxy().await;
    let session = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    proxy.lose_the_next_answer();
    let refreshed = store.refresh(&token(&session, 1), next(9), at(9)).await.unwrap();
    assert!(matches!(&refreshed, Refreshed::Replayed(s) if s.generation == 2), "{refreshed:?}");
    assert!(proxy.has_lost_it());
}

#[tokio::test]
async fn an_end_is_an_end() {
    let (_redis, proxy, store) = behind_proxy().await;
    let session = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let (tenant, account) = (tenant("nagra"), account("1663"));
    proxy.lose_the_next_answer();
    assert_eq!(store.end(&tenant, &account, session.id, &session.device, at(0)).await, Ok(true));
    assert_eq!(store.end(&tenant, &account, session.id, &session.device, at(0)).await, Ok(false));
}

#[tokio::test]
async fn a_key_ring_is_swapped_once() {
    let (_redis, proxy, store) = behind_proxy().await;
    for expected in 0..3u8 {
        proxy.lose_the_next_answer();
        assert_eq!(store.swap_keys("k", expected.into(), &[expected]).await, Ok(true));
    }
    assert_eq!(store.load_keys("k").await.unwrap().unwrap().version, 3);
    // What somebody else has put there is not taken for our own.
    proxy.lose_the_next_answer();
    assert_eq!(store.swap_keys("k", 2, b"other").await, Ok(false));
}

#[tokio::test]
async fn the_rest_may_happen_twice() {
    let (_redis, proxy, store) = behind_proxy().await;
    let (tenant, account) = (tenant("nagra"), account("1663"));
    proxy.lose_the_next_answer();
    store.put_ticket(digest(1), ticket()).await.unwrap();
    proxy.lose_the_next_answer();
    assert!(store.peek_ticket(digest(1), at(0)).await.unwrap().is_some());
    store.begin(sign_on(1, "a"), at(0)).await.unwrap();
    proxy.lose_the_next_answer();
    let change = DeviceChange::State(DeviceState::Deleted);
    assert!(store.change_device(&tenant, &account, &device_id("a"), change).await.unwrap());
    proxy.lose_the_next_answer();
    assert_eq!(store.devices(&tenant, &account).await.unwrap().len(), 1);
    proxy.lose_the_next_answer();
    assert_eq!(store.sessions(&tenant, &account, at(0)).await, Ok(vec![]));
    assert!(proxy.has_lost_it());
}
