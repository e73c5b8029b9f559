//! Nodes of Cambio on one PostgreSQL, as their clients see them: whoever is asked, it is one
//! gateway; and while no node reaches the database, the answer is 503, never a 401, and nothing that
//! was acknowledged is missing afterwards. (`fleet` has restarts and crashes of the database.)

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::postgres::{self, PASSWORD, Postgres, USER};
use super::proxy::{Network, Proxy};
use super::{eventually, figures, persistently};
use crate::support::{Answer, Call, Fixture};

/// A node on the database that this port leads to.
async fn node(port: u16, database: &str) -> Fixture {
    Fixture::with(&format!(
        "store = {{ kind = \"postgres\", postgres = {{ port = {port}, database = \"{database}\", \
         user = \"{USER}\", password = \"{PASSWORD}\", timeout = \"1s\", \
         connect_timeout = \"1s\" }} }}"
    ))
    .await
}

async fn two_nodes() -> [Arc<Fixture>; 2] {
    let postgres = postgres::shared().await;
    let database = postgres.database().await;
    [Arc::new(node(postgres.port, &database).await), Arc::new(node(postgres.port, &database).await)]
}

fn token<'a>(pair: &'a Value, name: &str) -> &'a str {
    pair[name].as_str().unwrap()
}

/// Sends the call to the nodes in turn, from 64 tasks at once.
async fn race(nodes: &[Arc<Fixture>; 2], call: impl Fn() -> Call) -> Vec<Answer> {
    let calls = (0..64).map(|n| {
        let (node, call) = (Arc::clone(&nodes[n % 2]), call());
        tokio::spawn(async move { node.send(call).await })
    });
    let mut answers = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        answers.push(call.await.unwrap());
    }
    answers
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_signs_on_another_refreshes_and_the_first_signs_out() {
    let [one, other] = two_nodes().await;
    let ticket = one.ticket("1663").await;
    let pair = other.send(Call::sign_on(&ticket)).await.expect(201);
    one.send(Call::sign_on(&ticket)).await.problem(401);
    let next = one.refreshed(&pair).await.expect(200);
    // A retry of it, at the other node, in the same second.
    assert_eq!(other.refreshed(&pair).await.expect(200), next);
    let again = Call::sign_on_again(&one.ticket("1663").await, token(&pair, "client_id"));
    other.send(again).await.expect(201);
    one.send(Call::sign_out(token(&next, "access_token"))).await.expect(200);
    other.refreshed(&next).await.problem(401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_clients_over_two_nodes_get_one_sign_on_and_one_pair() {
    let nodes = two_nodes().await;
    let ticket = nodes[0].ticket("1663").await;
    let answers = race(&nodes, || Call::sign_on(&ticket)).await;
    assert_eq!((count(&answers, 201), count(&answers, 401)), (1, 63));
    let first = answers.iter().find(|answer| answer.status == 201).unwrap().expect(201);
    let pairs = race(&nodes, || Call::refresh(token(&first, "refresh_token"))).await;
    assert_eq!(count(&pairs, 200), 64);
    assert!(pairs.iter().all(|pair| pair.expect(200) == pairs[0].expect(200)));
    let ended = race(&nodes, || Call::sign_out(token(&pairs[0].expect(200), "access_token"))).await;
    assert_eq!((count(&ended, 200), count(&ended, 401)), (1, 63));
}

/// What clients saw of a fault.
#[derive(Default)]
struct Seen {
    stop: AtomicBool,
    good: AtomicUsize,
    unavailable: AtomicUsize,
}

/// A client that refreshes without a pause; answers the last pair that was acknowledged.
async fn refresh_on_and_on(node: Arc<Fixture>, mut pair: Value, seen: Arc<Seen>) -> Value {
    while !seen.stop.load(Ordering::SeqCst) {
        pair = persistently("it is refreshed", || refresh(&node, &pair, &seen)).await;
    }
    pair
}

/// The next pair, or `None` after a 503.
async fn refresh(node: &Fixture, pair: &Value, seen: &Seen) -> Option<Value> {
    let started = Instant::now();
    let answer = node.refreshed(pair).await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    if answer.status == 503 {
        answer.problem(503);
        seen.unavailable.fetch_add(1, Ordering::SeqCst);
        return None;
    }
    seen.good.fetch_add(1, Ordering::SeqCst);
    Some(answer.expect(200))
}

/// Sixteen clients on two nodes refresh while `fault` happens and is over.
async fn clients_survive(
    nodes: &[Arc<Fixture>; 2],
    fault: impl AsyncFnOnce(&Seen),
) -> (usize, usize) {
    let seen = Arc::new(Seen::default());
    let mut clients = Vec::new();
    for n in 0..16 {
        let node = Arc::clone(&nodes[n % 2]);
        let pair = node.signed_on(&format!("account-{n}")).await;
        clients.push(tokio::spawn(refresh_on_and_on(node, pair, Arc::clone(&seen))));
    }
    goes_on(&seen).await;
    fault(&seen).await;
    goes_on(&seen).await;
    seen.stop.store(true, Ordering::SeqCst);
    for (n, client) in clients.into_iter().enumerate() {
        // What was acknowledged last is what counts, at the other node too.
        let pair = client.await.unwrap();
        let other = &nodes[(n + 1) % 2];
        persistently("it is kept", || refresh(other, &pair, &seen)).await;
    }
    (seen.good.load(Ordering::SeqCst), seen.unavailable.load(Ordering::SeqCst))
}

/// Waits until each client could have refreshed several times more.
async fn goes_on(seen: &Seen) {
    let before = seen.good.load(Ordering::SeqCst);
    eventually("clients refresh", async || {
        (seen.good.load(Ordering::SeqCst) > before + 100).then_some(())
    })
    .await;
}

async fn is_felt(seen: &Seen) {
    let before = seen.unavailable.load(Ordering::SeqCst);
    eventually("clients are told to wait", async || {
        (seen.unavailable.load(Ordering::SeqCst) > before + 20).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_from_the_database_is_503_in_bounded_time_and_heals() {
    let postgres = postgres::shared().await;
    let database = postgres.database().await;
    let proxy = Proxy::to(postgres.port).await;
    let nodes =
        [Arc::new(node(proxy.port, &database).await), Arc::new(node(proxy.port, &database).await)];
    let (good, unavailable) = clients_survive(&nodes, async |seen| {
        for fault in [Network::Silent, Network::Broken, Network::Slow(Duration::from_secs(2))] {
            proxy.becomes(fault);
            is_felt(seen).await;
            assert!(nodes[0].app.store().check().await.is_err(), "not ready: {fault:?}");
            proxy.becomes(Network::Good);
            goes_on(seen).await;
        }
    })
    .await;
    figures(&format!("partitions: {good} refreshes, {unavailable} answered 503, none 401"));
}

/// After a failover a proxy in front may lead to what is a standby now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_has_become_read_only_is_unavailable_until_it_is_not() {
    let postgres = Postgres::start().await;
    let database = postgres.database().await;
    let node = node(postgres.port, &database).await;
    let pair = node.signed_on("1663").await;
    let read_only = async |on: &str| {
        let client = postgres.connect("postgres").await.unwrap();
        let set = format!("ALTER SYSTEM SET default_transaction_read_only = {on}");
        client.batch_execute("SET default_transaction_read_only = off").await.unwrap();
        client.batch_execute(&set).await.unwrap();
        client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    };
    read_only("on").await;
    eventually("it is not ready", async || node.app.store().check().await.err()).await;
    let refused = node.refreshed(&pair).await;
    refused.problem(503);
    read_only("off").await;
    eventually("it is ready", async || node.app.store().check().await.ok()).await;
    node.refreshed(&pair).await.expect(200);
}
