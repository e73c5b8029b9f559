//! What a network that heals delivers late, after its caller was told 503: the script is there,
//! complete and well signed, and nobody waits for it any more. It must do nothing, because its
//! caller may have asked again at another node and gone on from there.

use cambio::domain::{AccountId, TenantId, Timestamp};
use redis::Value;

use super::eventually;
use super::proxy::{Network, Proxy};
use super::redis::{PASSWORD, Redis};
use crate::support::{Fixture, OPERATOR_TENANT};

/// Two gateways on one Redis, of which one can be cut off.
struct Late {
    redis: Redis,
    proxy: Proxy,
    cut_off: Fixture,
    other: Fixture,
}

async fn gateway(port: u16) -> Fixture {
    Fixture::with(&format!(
        "store.kind = \"redis\"\nstore.redis = {{ nodes = [\"127.0.0.1:{port}\"], password = {PASSWORD:?},
            connect_timeout = \"200ms\", timeout = \"300ms\", deadline = \"500ms\" }}"
    ))
    .await
}

impl Late {
    async fn start() -> Self {
        let redis = Redis::start().await;
        let proxy = Proxy::to(redis.port).await;
        let (cut_off, other) = (gateway(proxy.port).await, gateway(redis.port).await);
        Self { redis, proxy, cut_off, other }
    }

    /// How many scripts Redis has been asked to run.
    async fn scripts(&self) -> u64 {
        let Value::BulkString(stats) = self.redis.ask(&["INFO", "commandstats"]).await.unwrap()
        else {
            panic!("no text")
        };
        let stats = String::from_utf8(stats).unwrap();
        let found = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
        found.unwrap().split(',').next().unwrap().parse().unwrap()
    }

    /// The network is well again, and what it has held back arrives.
    async fn heals(&self) {
        let before = self.scripts().await;
        self.proxy.becomes(Network::Good);
        let arrived = async || (self.scripts().await > before).then_some(());
        eventually("what was held back arrives", arrived).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_arrives_after_its_retry_was_used_is_not_taken_for_reuse() {
    let late = Late::start().await;
    let first = late.cut_off.signed_on("1663").await;
    late.proxy.becomes(Network::Silent);
    late.cut_off.refreshed(&first).await.problem(503);
    let second = late.other.refreshed(&first).await.expect(200);
    let third = late.other.refreshed(&second).await.expect(200);
    late.heals().await;
    late.other.refreshed(&third).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_arrives_late_makes_no_pair_that_nobody_gets() {
    let late = Late::start().await;
    let first = late.cut_off.signed_on("1663").await;
    // Redis knows the script from here on.
    let first = late.cut_off.refreshed(&first).await.expect(200);
    late.proxy.becomes(Network::Silent);
    late.cut_off.refreshed(&first).await.problem(503);
    late.heals().await;
    // Longer than `refresh_grace`: a pair that had been made then would look stolen.
    late.other.advance(3600);
    late.other.refreshed(&first).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_everywhere_that_arrives_late_ends_nothing_that_was_begun_since() {
    let late = Late::start().await;
    let store = late.cut_off.app.store();
    let tenant = TenantId::parse(OPERATOR_TENANT).unwrap();
    let account = AccountId::parse("1663").unwrap();
    let now = Timestamp::from_secs(late.cut_off.now());
    late.cut_off.signed_on("1663").await;
    // Redis knows the script from here on.
    assert_eq!(store.end_all(&tenant, &account, now).await, Ok(1));
    late.proxy.becomes(Network::Silent);
    assert!(store.end_all(&tenant, &account, now).await.is_err());
    let since = late.other.signed_on("1663").await;
    late.heals().await;
    late.other.refreshed(&since).await.expect(200);
}
