//! What must hold when clients race: one session token signs on once, and one refresh token
//! makes one successor, however many ask at the same time.

use std::sync::Arc;

use crate::support::{Answer, Call, Fixture};
use serde_json::Value;
use tokio::sync::Barrier;

const CLIENTS: usize = 64;

/// Sends all calls at once, from as many tasks.
pub(crate) async fn race(gateway: &Arc<Fixture>, call: impl Fn() -> Call) -> Vec<Answer> {
    let start = Arc::new(Barrier::new(CLIENTS));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (gateway, start, call) = (Arc::clone(gateway), Arc::clone(&start), call());
            tokio::spawn(async move {
                start.wait().await;
                gateway.send(call).await
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(CLIENTS);
    for client in clients {
        answers.push(client.await.unwrap());
    }
    answers
}

async fn one_ticket_signs_on_once(gateway: Fixture) {
    let gateway = Arc::new(gateway);
    let ticket = gateway.ticket("1663").await;
    let answers = race(&gateway, || Call::sign_on(&ticket)).await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(201), count(401)), (1, CLIENTS - 1));
}

async fn one_refresh_token_makes_one_pair(gateway: Fixture) {
    let gateway = Arc::new(gateway);
    let first = gateway.signed_on("1663").await;
    let token = first["refresh_token"].as_str().unwrap();
    let answers = race(&gateway, || Call::refresh(token)).await;
    let pairs: Vec<Value> = answers.iter().map(|answer| answer.expect(200)).collect();
    assert!(pairs.iter().all(|pair| *pair == pairs[0]), "one identical pair");
    // One family, alive, whose current pair it is.
    let next = gateway.refreshed(&pairs[0]).await.expect(200);
    gateway.send(Call::sign_out(next["access_token"].as_str().unwrap())).await.expect(200);
    gateway.refreshed(&next).await.problem(401);
}

async fn signing_out_beats_every_refresh_that_follows(gateway: Fixture) {
    let gateway = Arc::new(gateway);
    let first = gateway.signed_on("1663").await;
    let token = first["access_token"].as_str().unwrap();
    let answers = race(&gateway, || Call::sign_out(token)).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    gateway.refreshed(&first).await.problem(401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_clients_with_one_session_token_one_signs_on() {
    one_ticket_signs_on_once(Fixture::new().await).await;
    one_ticket_signs_on_once(Fixture::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_refreshes_of_one_token_get_one_pair() {
    one_refresh_token_makes_one_pair(Fixture::new().await).await;
    one_refresh_token_makes_one_pair(Fixture::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_sign_outs_of_one_session_one_ends_it() {
    signing_out_beats_every_refresh_that_follows(Fixture::new().await).await;
    signing_out_beats_every_refresh_that_follows(Fixture::on_sqlite().await).await;
}
