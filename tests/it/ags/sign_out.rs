//! B.6: the session ends, the device stays.

use crate::support::{Call, Fixture};
use serde_json::{Value, json};

fn access_token(body: &Value) -> &str {
    body["access_token"].as_str().unwrap()
}

#[tokio::test]
async fn the_family_ends_and_a_second_sign_out_is_401() {
    let gateway = Fixture::new().await;
    let first = gateway.signed_on("1663").await;
    let second = gateway.refreshed(&first).await.expect(200);
    assert_eq!(gateway.send(Call::sign_out(access_token(&second))).await.expect(200), json!({}));
    for pair in [&first, &second] {
        gateway.refreshed(pair).await.problem(401);
        gateway.send(Call::sign_out(access_token(pair))).await.problem(401);
    }
}

#[tokio::test]
async fn an_earlier_access_token_of_the_family_signs_out_too() {
    let gateway = Fixture::new().await;
    let first = gateway.signed_on("1663").await;
    let second = gateway.refreshed(&first).await.expect(200);
    gateway.send(Call::sign_out(access_token(&first))).await.expect(200);
    gateway.refreshed(&second).await.problem(401);
}

#[tokio::test]
async fn the_device_stays_registered() {
    let gateway = Fixture::with("tenants.nagra.ags.max_devices = 1").await;
    let body = gateway.signed_on("1663").await;
    gateway.send(Call::sign_out(access_token(&body))).await.expect(200);
    let ticket = gateway.ticket("1663").await;
    gateway.send(Call::sign_on(&ticket)).await.forbidden(20007);
    let device = body["client_id"].as_str().unwrap();
    gateway.send(Call::sign_on_again(&ticket, device)).await.expect(201);
}

#[tokio::test]
async fn other_sessions_of_the_account_go_on() {
    let gateway = Fixture::new().await;
    let (one, other) = (gateway.signed_on("1663").await, gateway.signed_on("1663").await);
    gateway.send(Call::sign_out(access_token(&one))).await.expect(200);
    gateway.refreshed(&other).await.expect(200);
}

#[tokio::test]
async fn a_missing_header_is_malformed_and_a_bad_token_is_401() {
    let gateway = Fixture::new().await;
    let body = gateway.signed_on("1663").await;
    gateway.send(Call::sign_out("x").without("authorization")).await.problem(400);
    gateway.send(Call::sign_out("x.y.z")).await.problem(401);
    gateway.send(Call::sign_out(body["refresh_token"].as_str().unwrap())).await.problem(401);
    let elsewhere = Call::sign_out(access_token(&body)).with("nv-tenant-id", "rival");
    gateway.send(elsewhere).await.problem(401);
    gateway.refreshed(&body).await.expect(200);
}

#[tokio::test]
async fn an_expired_access_token_is_401() {
    let gateway = Fixture::new().await;
    let body = gateway.signed_on("1663").await;
    gateway.advance(3600);
    gateway.send(Call::sign_out(access_token(&body))).await.problem(401);
    gateway.refreshed(&body).await.expect(200);
}
