//! What a partition has kept is delivered when it heals, long after its callers were told 503 and
//! went on elsewhere: it changes nothing.

use super::*;
use crate::real::eventually;
use crate::real::proxy::{Network, Proxy};

/// A store behind a partition, and another one that is not, on the same Redis.
struct Parted {
    cut_off: Arc<dyn Store>,
    other: Arc<dyn Store>,
    proxy: Proxy,
    _redis: Redis,
}

impl Parted {
    async fn start() -> Self {
        let redis = Redis::start().await;
        let proxy = Proxy::to(redis.port).await;
        let hasty = json!({"connect_timeout": "300ms", "timeout": "300ms"});
        let cut_off = open(settings(proxy.port, hasty)).await.unwrap();
        let other = open(settings(redis.port, json!({}))).await.unwrap();
        // Scripts that are not known are sent again, which nobody does any more when it is late.
        let session = other.begin(sign_on(255, "z"), at(0)).await.unwrap().session;
        other.refresh(&token(&session, 1), next(0), at(0)).await.unwrap();
        other.end_all(&tenant("nagra"), &account("1663"), at(0)).await.unwrap();
        Self { cut_off, other, proxy, _redis: redis }
    }

    /// Waits until what was kept has arrived, on connections that have been given up, and the store
    /// is well again.
    async fn heals(&self) {
        let before = self.proxy.came();
        self.proxy.becomes(Network::Good);
        let arrived = async || (self.proxy.over() >= before).then_some(());
        eventually("what was kept has arrived", arrived).await;
        eventually("it is ready again", async || self.cut_off.check().await.ok()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_a_healed_partition_delivers_late_is_void() {
    let parted = Parted::start().await;
    let session = parted.cut_off.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    parted.proxy.becomes(Network::Silent);
    let refused = parted.cut_off.refresh(&token(&session, 1), next(1), at(1)).await;
    assert!(matches!(refused, Err(RefreshError::Store(_))), "{refused:?}");
    for generation in 1..=3 {
        let presented = token(&session, generation);
        let refreshed = parted.other.refresh(&presented, next(1), at(1)).await;
        assert!(matches!(refreshed, Ok(Refreshed::Rotated(_))), "{refreshed:?}");
    }
    parted.heals().await;
    let refreshed = parted.cut_off.refresh(&token(&session, 4), next(2), at(2)).await;
    assert!(matches!(refreshed, Ok(Refreshed::Rotated(_))), "{refreshed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_sign_out_everywhere_ends_nothing_that_began_since() {
    let parted = Parted::start().await;
    let (tenant, account) = (tenant("nagra"), account("1663"));
    parted.proxy.becomes(Network::Silent);
    parted.cut_off.end_all(&tenant, &account, at(0)).await.unwrap_err();
    assert_eq!(parted.other.end_all(&tenant, &account, at(0)).await, Ok(0));
    let session = parted.other.begin(sign_on(1, "a"), at(1)).await.unwrap().session;
    parted.heals().await;
    let found = parted.cut_off.session(&tenant, &account, session.id, at(1)).await;
    assert_eq!(found, Ok(Some(session)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_was_read_wrongly_is_read_again() {
    let redis = Redis::start().await;
    let proxy = Proxy::to(redis.port).await;
    let hasty = settings(proxy.port, json!({"deadline": "1s"}));
    let store = eventually("it opens", async || open(hasty.clone()).await.ok()).await;
    proxy.becomes(Network::Broken);
    store.put_ticket(digest(1), ticket()).await.unwrap_err();
    // The answer to its question takes longer than a call may, so that every call seems late.
    proxy.becomes(Network::Slow(Duration::from_millis(1500)));
    eventually("the time is asked for", async || {
        store.put_ticket(digest(1), ticket()).await.unwrap_err();
        text_of(&redis, &["CLIENT", "LIST"]).await.contains("cmd=time").then_some(())
    })
    .await;
    proxy.becomes(Network::Good);
    eventually("calls count", async || store.put_ticket(digest(1), ticket()).await.ok()).await;
}
