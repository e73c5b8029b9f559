//! Cambio's own calls: an account's devices, and signing out everywhere.

use crate::support::{Call, Fixture};
use cambio::session::DeviceState;
use serde_json::{Value, json};

fn access(body: &Value) -> &str {
    body["access_token"].as_str().unwrap()
}

fn device(body: &Value) -> &str {
    body["client_id"].as_str().unwrap()
}

fn patch(token: &str, device: &str, body: &Value) -> Call {
    Call::new(http::Method::PATCH, &format!("/ags/devices/{device}"))
        .header("nv-tenant-id", "nagra")
        .bearer(token)
        .json(body)
}

fn everywhere(token: &str) -> Call {
    Call::ags("signOutEverywhere")
        .header("authorization", token)
        .json(&crate::support::parameters(&[]))
}

async fn listed(gateway: &Fixture, token: &str) -> Vec<Value> {
    let found = gateway.send(Call::devices(token)).await.expect(200);
    found["devices"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_accounts_devices_are_listed_and_renamed() {
    let gateway = Fixture::new().await;
    let (mine, other) = (gateway.signed_on("1663").await, gateway.signed_on("1663").await);
    gateway.signed_on("99").await;
    let named = patch(access(&mine), device(&other), &json!({"name": "zoë's tv"}));
    let changed = gateway.send(named).await.expect(200);
    assert_eq!((&changed["name"], &changed["current"]), (&json!("zoë's tv"), &json!(false)));
    let found = listed(&gateway, access(&mine)).await;
    assert_eq!(found.len(), 2);
    let find = |body: &Value| found.iter().find(|d| d["clientId"] == body["client_id"]).unwrap();
    assert_eq!(find(&other)["name"], "zoë's tv");
    assert_eq!(
        *find(&mine),
        json!({"clientId": device(&mine), "name": null, "state": "active",
            "playoutDeviceClass": null, "deviceInformation": {"deviceType": "STB"},
            "registeredAt": gateway.now(), "current": true})
    );
    let unnamed = patch(access(&mine), device(&other), &json!({"name": null}));
    assert_eq!(gateway.send(unnamed).await.expect(200)["name"], Value::Null);
}

#[tokio::test]
async fn a_deleted_device_is_gone_with_its_sessions_and_its_place() {
    let gateway = Fixture::with("tenants.nagra.ags.max_devices = 2").await;
    let (mine, other) = (gateway.signed_on("1663").await, gateway.signed_on("1663").await);
    let ticket = gateway.ticket("1663").await;
    gateway.send(Call::sign_on(&ticket)).await.forbidden(20007);
    let delete = || Call::delete_device(access(&mine), device(&other));
    gateway.send(delete()).await.expect(200);
    gateway.send(delete()).await.problem(404);
    assert_eq!(listed(&gateway, access(&mine)).await.len(), 1);
    gateway.refreshed(&other).await.forbidden(20003);
    gateway.send(Call::devices(access(&other))).await.problem(401);
    gateway.send(Call::sign_on(&ticket)).await.expect(201);
    gateway.refreshed(&mine).await.expect(200);
}

#[tokio::test]
async fn a_disabled_device_is_refused_until_the_operator_enables_it() {
    let gateway = Fixture::new().await;
    let (mine, other) = (gateway.signed_on("1663").await, gateway.signed_on("1663").await);
    let disable = patch(access(&mine), device(&other), &json!({"state": "disabled"}));
    assert_eq!(gateway.send(disable).await.expect(200)["state"], "disabled");
    gateway.refreshed(&other).await.forbidden(20004);
    gateway.send(Call::devices(access(&other))).await.forbidden(20004);
    let enable = patch(access(&mine), device(&other), &json!({"state": "active"}));
    gateway.send(enable).await.problem(400);
    gateway.set_device("1663", device(&other), DeviceState::Active).await;
    gateway.refreshed(&other).await.expect(200);
}

#[tokio::test]
async fn another_accounts_device_does_not_exist() {
    let gateway = Fixture::new().await;
    let (mine, stranger) = (gateway.signed_on("1663").await, gateway.signed_on("99").await);
    for id in [device(&stranger), "nothing", "%00", "%ff", &"x".repeat(200)] {
        let named = patch(access(&mine), id, &json!({"name": "mine now"}));
        gateway.send(named).await.problem(404);
        gateway.send(Call::delete_device(access(&mine), id)).await.problem(404);
    }
    gateway.refreshed(&stranger).await.expect(200);
}

#[tokio::test]
async fn malformed_changes_are_400_and_change_nothing() {
    let gateway = Fixture::new().await;
    let mine = gateway.signed_on("1663").await;
    let long = "x".repeat(129);
    for body in [
        json!({}),
        json!([]),
        json!({"name": ""}),
        json!({"name": " x"}),
        json!({"name": "a\nb"}),
        json!({"name": long}),
        json!({"name": 1}),
        json!({"name": "x", "state": "disabled"}),
        json!({"state": "deleted"}),
        json!({"owner": "me"}),
    ] {
        gateway.send(patch(access(&mine), device(&mine), &body)).await.problem(400);
    }
    let bodyless = patch(access(&mine), device(&mine), &json!({})).body("");
    gateway.send(bodyless).await.problem(400);
    assert_eq!(listed(&gateway, access(&mine)).await[0]["name"], Value::Null);
}

#[tokio::test]
async fn only_an_access_token_of_a_live_session_counts() {
    let gateway = Fixture::new().await;
    let mine = gateway.signed_on("1663").await;
    gateway.send(Call::devices("x").without("authorization")).await.problem(400);
    gateway.send(Call::devices("x.y.z")).await.problem(401);
    gateway.send(Call::devices(mine["refresh_token"].as_str().unwrap())).await.problem(401);
    let rival = Call::devices(access(&mine)).with("nv-tenant-id", "rival");
    gateway.send(rival).await.problem(401);
    gateway.send(Call::sign_out(access(&mine))).await.expect(200);
    gateway.send(Call::devices(access(&mine))).await.problem(401);
    gateway.send(everywhere(access(&mine))).await.problem(401);
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_session_of_the_account_at_once() {
    let gateway = Fixture::new().await;
    let (mine, other) = (gateway.signed_on("1663").await, gateway.signed_on("1663").await);
    let stranger = gateway.signed_on("99").await;
    assert_eq!(gateway.send(everywhere(access(&mine))).await.expect(200), json!({}));
    for body in [&mine, &other] {
        gateway.refreshed(body).await.problem(401);
        gateway.send(Call::devices(access(body))).await.problem(401);
        gateway.send(everywhere(access(body))).await.problem(401);
    }
    gateway.refreshed(&stranger).await.expect(200);
    // Devices stay, and a new sign-on is none of its business.
    let ticket = gateway.ticket("1663").await;
    let again = gateway.send(Call::sign_on_again(&ticket, device(&other))).await.expect(201);
    assert_eq!(listed(&gateway, access(&again)).await.len(), 2);
}
