//! B.3: devices, their states and their number (20003, 20004, 20007).

use crate::support::{Call, Fixture};
use cambio::session::DeviceState;

fn device(body: &serde_json::Value) -> &str {
    body["client_id"].as_str().unwrap()
}

#[tokio::test]
async fn device_information_makes_a_new_device_every_time() {
    let gateway = Fixture::new().await;
    let (first, second) = (gateway.signed_on("1663").await, gateway.signed_on("1663").await);
    assert!(device(&first).starts_with("PUB_"));
    assert_ne!(device(&first), device(&second));
}

#[tokio::test]
async fn a_later_sign_on_is_on_the_same_device() {
    let gateway = Fixture::new().await;
    let first = gateway.signed_on("1663").await;
    let ticket = gateway.ticket("1663").await;
    let again = gateway.send(Call::sign_on_again(&ticket, device(&first))).await.expect(201);
    assert_eq!(device(&again), device(&first));
}

#[tokio::test]
async fn an_unknown_or_anothers_device_is_20003_and_burns_nothing() {
    let gateway = Fixture::new().await;
    let anothers = gateway.signed_on("99").await;
    let ticket = gateway.ticket("1663").await;
    for id in ["PUB_0", device(&anothers), "' OR 1=1 --"] {
        gateway.send(Call::sign_on_again(&ticket, id)).await.forbidden(20003);
    }
    gateway.send(Call::sign_on(&ticket)).await.expect(201);
}

#[tokio::test]
async fn a_disabled_device_is_20004_until_it_is_enabled() {
    let gateway = Fixture::new().await;
    let body = gateway.signed_on("1663").await;
    let ticket = gateway.ticket("1663").await;
    gateway.set_device("1663", device(&body), DeviceState::Disabled).await;
    gateway.send(Call::sign_on_again(&ticket, device(&body))).await.forbidden(20004);
    gateway.refreshed(&body).await.forbidden(20004);
    gateway.set_device("1663", device(&body), DeviceState::Active).await;
    gateway.refreshed(&body).await.expect(200);
    gateway.send(Call::sign_on_again(&ticket, device(&body))).await.expect(201);
}

#[tokio::test]
async fn a_deleted_device_is_20003() {
    let gateway = Fixture::new().await;
    let body = gateway.signed_on("1663").await;
    let ticket = gateway.ticket("1663").await;
    gateway.set_device("1663", device(&body), DeviceState::Deleted).await;
    gateway.send(Call::sign_on_again(&ticket, device(&body))).await.forbidden(20003);
    gateway.refreshed(&body).await.forbidden(20003);
}

#[tokio::test]
async fn an_account_registers_as_many_devices_as_it_may() {
    let gateway = Fixture::with("tenants.nagra.ags.max_devices = 2").await;
    let first = gateway.signed_on("1663").await;
    gateway.signed_on("1663").await;
    let ticket = gateway.ticket("1663").await;
    gateway.send(Call::sign_on(&ticket)).await.forbidden(20007);
    gateway.signed_on("99").await;
    gateway.set_device("1663", device(&first), DeviceState::Deleted).await;
    gateway.send(Call::sign_on(&ticket)).await.expect(201);
}

#[tokio::test]
async fn a_registered_device_signs_on_at_the_limit() {
    let gateway = Fixture::with("tenants.nagra.ags.max_devices = 1").await;
    let first = gateway.signed_on("1663").await;
    let ticket = gateway.ticket("1663").await;
    gateway.send(Call::sign_on_again(&ticket, device(&first))).await.expect(201);
}
