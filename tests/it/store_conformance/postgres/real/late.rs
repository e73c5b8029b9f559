//! What a partition that heals delivers long after its caller was told that it was in vain: it
//! must not undo what has been done since.

use super::*;
use crate::real::proxy::{Network, Proxy};
use crate::real::{eventually, postgres};

/// Two stores on one schema, of which one can be cut off, and has one connection.
struct Late {
    proxy: Proxy,
    cut_off: Arc<dyn Store>,
    other: Arc<dyn Store>,
}

impl Late {
    async fn start() -> Self {
        let schema = Schema::fresh().await;
        let proxy = Proxy::to(postgres::shared().await.port).await;
        let mut table = schema.table_on(proxy.port);
        table["postgres"]["timeout"] = "200ms".into();
        table["postgres"]["connect_timeout"] = "100ms".into();
        table["postgres"]["max_connections"] = 1.into();
        let cut_off = open(table).await.unwrap();
        Self { proxy, cut_off, other: schema.open().await.unwrap() }
    }

    /// The store gives its connection up for good; then what was held back arrives.
    async fn gives_up_and_heals(&self) {
        eventually("it is given up for good, and its connection with it", async || {
            // A reader waits for the one connection, and for nothing else.
            let (nagra, who) = (tenant("nagra"), account("1663"));
            let error = self.cut_off.devices(&nagra, &who).await.unwrap_err();
            (!error.0.contains("in use")).then_some(())
        })
        .await;
        let before = self.proxy.came();
        self.proxy.becomes(Network::Good);
        let delivered = async || (self.proxy.over() >= before).then_some(());
        eventually("what was held back is delivered", delivered).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_makes_no_thief_of_who_tries_again() {
    let late = Late::start().await;
    let session = late.cut_off.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    late.proxy.becomes(Network::Silent);
    assert!(late.cut_off.refresh(&token(&session, 1), next(1), at(1)).await.is_err());
    late.gives_up_and_heals().await;
    eventually("it is ready again", async || late.cut_off.check().await.ok()).await;
    // Much later than the grace of a pair that had been made then.
    let retried = late.cut_off.refresh(&token(&session, 1), next(500), at(500)).await;
    assert!(matches!(retried, Ok(cambio::session::Refreshed::Rotated(_))), "{retried:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ending_all_ends_nothing_that_was_begun_since() {
    let late = Late::start().await;
    let (nagra, who) = (tenant("nagra"), account("1663"));
    late.cut_off.begin(sign_on(1, "a"), at(0)).await.unwrap();
    late.proxy.becomes(Network::Silent);
    assert!(late.cut_off.end_all(&nagra, &who, at(0)).await.is_err());
    assert_eq!(late.other.end_all(&nagra, &who, at(1)).await, Ok(1));
    let since = late.other.begin(sign_on(2, "b"), at(2)).await.unwrap().session;
    late.gives_up_and_heals().await;
    assert_eq!(late.other.sessions(&nagra, &who, at(3)).await.unwrap(), [since]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disabling_a_device_does_not_undo_that_it_was_enabled_since() {
    let late = Late::start().await;
    let (nagra, who) = (tenant("nagra"), account("1663"));
    let session = late.cut_off.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let set = async |store: &Arc<dyn Store>, state| {
        store.change_device(&nagra, &who, &session.device, DeviceChange::State(state)).await
    };
    late.proxy.becomes(Network::Silent);
    assert!(set(&late.cut_off, DeviceState::Disabled).await.is_err());
    assert_eq!(set(&late.other, DeviceState::Active).await, Ok(true));
    late.gives_up_and_heals().await;
    let refreshed = late.other.refresh(&token(&session, 1), next(1), at(1)).await;
    assert!(refreshed.is_ok(), "{refreshed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_keeps_the_name_that_it_has_got_since() {
    let late = Late::start().await;
    let (nagra, who) = (tenant("nagra"), account("1663"));
    let session = late.cut_off.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let name = async |store: &Arc<dyn Store>, name: &str| {
        let change = DeviceChange::Name(Some(name.to_owned()));
        store.change_device(&nagra, &who, &session.device, change).await
    };
    late.proxy.becomes(Network::Silent);
    assert!(name(&late.cut_off, "bedroom").await.is_err());
    assert_eq!(name(&late.other, "kitchen").await, Ok(true));
    late.gives_up_and_heals().await;
    let devices = late.other.devices(&nagra, &who).await.unwrap();
    assert_eq!(devices[0].name.as_deref(), Some("kitchen"));
}
