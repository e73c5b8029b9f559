//! A sign-on that the network delivers after its caller has given up.

use super::*;
use crate::real::eventually;
use crate::real::proxy::{Network, Proxy};

#[tokio::test]
async fn a_sign_on_that_arrives_late_uses_nothing_up() {
    let redis = Redis::start().await;
    let proxy = Proxy::to(redis.port).await;
    let hasty = json!({"connect_timeout": "200ms", "timeout": "300ms", "deadline": "500ms"});
    let cut_off = open(settings(proxy.port, hasty)).await.unwrap();
    let other = open(settings(redis.port, json!({}))).await.unwrap();
    // Redis knows the script from here on.
    cut_off.begin(sign_on(1, "a"), at(0)).await.unwrap();
    cut_off.put_ticket(digest(1), ticket()).await.unwrap();

    proxy.becomes(Network::Silent);
    let refused = cut_off.begin(claiming(sign_on(2, "b"), digest(1)), at(0)).await;
    assert!(matches!(refused, Err(BeginError::Store(_))), "{refused:?}");
    let scripts = async || {
        let stats = text_of(&redis, &["INFO", "commandstats"]).await;
        let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
        calls.unwrap().split(',').next().unwrap().parse::<u64>().unwrap()
    };
    let before = scripts().await;
    proxy.becomes(Network::Good);
    eventually("it arrives", async || (scripts().await > before).then_some(())).await;

    let devices = other.devices(&tenant("nagra"), &account("1663")).await.unwrap();
    assert_eq!(devices.len(), 1);
    other.begin(claiming(sign_on(3, "c"), digest(1)), at(0)).await.unwrap();
}
