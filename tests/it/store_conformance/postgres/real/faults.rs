//! What a call answers when the connection or the server is lost: the truth, in bounded time,
//! and it comes back by itself.

use std::time::Instant;

use super::*;
use crate::real::eventually;
use crate::real::proxy::{Network, Proxy};

/// A store behind a proxy, whose calls take at most half a second.
async fn behind_proxy(schema: &Schema) -> (Proxy, Arc<dyn Store>) {
    let proxy = Proxy::to(postgres::shared().await.port).await;
    let mut table = schema.table_on(proxy.port);
    table["postgres"]["timeout"] = "500ms".into();
    table["postgres"]["connect_timeout"] = "400ms".into();
    let store = open(table).await.unwrap();
    (proxy, store)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_begin_whose_answer_is_lost_is_found_again() {
    let schema = Schema::fresh().await;
    let (proxy, store) = behind_proxy(&schema).await;
    store.put_ticket(digest(1), ticket()).await.unwrap();
    proxy.lose_the_answer_to(b"COMMIT");
    let begun = store.begin(claiming(sign_on(1, "a"), digest(1)), at(0)).await.unwrap();
    assert!(proxy.has_lost_it());
    let session = begun.session;
    let found = store.session(&session.tenant, &account("1663"), session.id, at(0)).await.unwrap();
    assert_eq!(found, Some(session));
    assert_eq!(schema.number("SELECT count(*) FROM @devices").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_whose_answer_is_lost_answers_the_same_pair() {
    let schema = Schema::fresh().await;
    let (proxy, store) = behind_proxy(&schema).await;
    let session = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    proxy.lose_the_answer_to(b"UPDATE");
    let refreshed = store.refresh(&token(&session, 1), next(60), at(60)).await.unwrap();
    assert!(proxy.has_lost_it());
    let cambio::session::Refreshed::Replayed(refreshed) = refreshed else {
        panic!("{refreshed:?}")
    };
    assert_eq!((refreshed.generation, refreshed.issued_at), (2, at(60)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_whose_answer_is_lost_is_not_known() {
    let schema = Schema::fresh().await;
    let (proxy, store) = behind_proxy(&schema).await;
    let session = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    proxy.lose_the_answer_to(b"DELETE");
    let ended =
        store.end(&session.tenant, &account("1663"), session.id, &session.device, at(0)).await;
    assert!(ended.is_err() && proxy.has_lost_it(), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_costs_each_call_its_timeout_and_heals_by_itself() {
    let schema = Schema::fresh().await;
    let (proxy, store) = behind_proxy(&schema).await;
    let session = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    proxy.becomes(Network::Silent);
    let calls = (0..32).map(|_| {
        let (store, token) = (Arc::clone(&store), token(&session, 1));
        async move {
            let started = Instant::now();
            let answer = store.refresh(&token, next(1), at(1)).await;
            (answer, started.elapsed())
        }
    });
    for (answer, took) in race(calls).await {
        assert!(matches!(answer, Err(cambio::session::RefreshError::Store(_))), "{answer:?}");
        assert!(took < Duration::from_secs(3), "{took:?}");
    }
    assert!(store.check().await.is_err());
    proxy.becomes(Network::Good);
    eventually("it is ready again", async || store.check().await.ok()).await;
    let refreshed = store.refresh(&token(&session, 1), next(1), at(1)).await;
    assert!(refreshed.is_ok(), "{refreshed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resets_are_answered_at_once_and_survived() {
    let schema = Schema::fresh().await;
    let (proxy, store) = behind_proxy(&schema).await;
    let session = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    for generation in 1..=5 {
        proxy.becomes(Network::Broken);
        let started = Instant::now();
        let refused = store.refresh(&token(&session, generation), next(1), at(1)).await;
        assert!(matches!(refused, Err(cambio::session::RefreshError::Store(_))), "{refused:?}");
        assert!(started.elapsed() < Duration::from_millis(400), "{:?}", started.elapsed());
        proxy.becomes(Network::Good);
        let refreshed = store.refresh(&token(&session, generation), next(1), at(1)).await;
        assert!(refreshed.is_ok(), "{refreshed:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_network_is_waited_for_as_long_as_the_timeout() {
    let schema = Schema::fresh().await;
    let (proxy, store) = behind_proxy(&schema).await;
    let session = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    proxy.becomes(Network::Slow(Duration::from_millis(20)));
    assert!(store.refresh(&token(&session, 1), next(1), at(1)).await.is_ok());
    proxy.becomes(Network::Slow(Duration::from_secs(1)));
    let late = store.refresh(&token(&session, 2), next(2), at(2)).await.unwrap_err();
    assert!(late.to_string().contains("no answer in time"), "{late}");
    proxy.becomes(Network::Good);
    eventually("it answers", async || store.check().await.ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_died_while_they_were_idle_are_replaced_within_the_call() {
    let schema = Schema::fresh().await;
    let role = format!("mortal_{}", schema.name);
    schema.execute(&format!("CREATE ROLE {role} SUPERUSER LOGIN PASSWORD 'x'")).await;
    let mut table = schema.table().await;
    table["postgres"]["user"] = role.clone().into();
    table["postgres"]["password"] = "x".into();
    let store = open(table).await.unwrap();
    let session = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    for now in 1..=5 {
        race((0..8).map(|_| {
            let store = Arc::clone(&store);
            async move { store.check().await.unwrap() }
        }))
        .await;
        let killed = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{role}'"
        );
        assert!(schema.number(&killed).await >= 1);
        let presented = token(&session, u32::try_from(now).unwrap());
        let refreshed = store.refresh(&presented, next(now), at(now)).await;
        assert!(refreshed.is_ok(), "{refreshed:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreadable_row_is_an_error_and_never_a_verdict() {
    let schema = Schema::fresh().await;
    let store = schema.open().await.unwrap();
    let session = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    schema.execute("UPDATE @sessions SET profile = '{\"secret\":1}'").await;
    let error =
        store.session(&session.tenant, &account("1663"), session.id, at(0)).await.unwrap_err();
    assert!(!error.0.contains("secret"), "{error}");
    let refused = store.refresh(&token(&session, 9), next(0), at(0)).await;
    assert!(matches!(refused, Err(cambio::session::RefreshError::Store(_))), "{refused:?}");
    assert!(store.begin(sign_on(2, "b"), at(0)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_choose_may_hold_any_character() {
    let b = Backend::postgres().await;
    let mut new = sign_on(1, "a");
    let odd = "T\u{0}V ✓ ' \" \\ @".to_owned();
    if let DeviceRequest::Register { device, .. } = &mut new.device {
        device.class = Some(odd.clone());
        device.information = serde_json::json!({"deviceType": odd}).to_string();
    }
    new.facts.account.user_id = odd.clone();
    let session = b.store.begin(new, at(0)).await.unwrap().session;
    assert_eq!(b.find(&session, 0).await, Some(session.clone()));
    assert!(b.change_device("a", DeviceChange::Name(Some(odd.clone()))).await);
    let devices = b.store.devices(&tenant("nagra"), &account("1663")).await.unwrap();
    assert_eq!((devices[0].name.as_ref(), devices[0].class.as_ref()), (Some(&odd), Some(&odd)));
}
