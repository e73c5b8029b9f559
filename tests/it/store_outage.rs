//! The truth in an outage of the store: 503 with `Retry-After` and no readiness, never 401; what
//! needs no store goes on, and afterwards everything acknowledged is there.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use cambio::serve::{Stage, admin};
use http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{Call, Failing, Fixture, HASTY, Mood, cookie, parameters, payload};

/// A service more, which has `signOn` and so `subsequentSignOn`.
const SERVICES: &str = r#"
tenants.nagra.services = [
    { name = "Customer Auth Service", validator = "tickets" },
    { name = "IdP", validator = "idp" },
    { name = "Members", validator = "members", endpoints = [
        { name = "SIGNON", path = "/signOn", parameters = [{ name = "Token" }] } ] },
]
"#;

struct Outage {
    gateway: Fixture,
    store: Arc<Failing>,
}

impl Outage {
    async fn new(overlay: &str) -> Self {
        let (gateway, store) = Fixture::that_can_fail(&format!("{SERVICES}{overlay}")).await;
        Self { gateway, store }
    }

    async fn ready(&self) -> u16 {
        let (_stage, stages) = tokio::sync::watch::channel(Stage::Running);
        let health = admin::Health { store: Arc::clone(&self.store) as _, stage: stages };
        let request = Request::get("/readyz").body(Body::empty()).unwrap();
        admin::router(health).oneshot(request).await.unwrap().status().as_u16()
    }
}

/// Every call that needs the store, with credentials that are good.
fn calls(body: &Value, ticket: &str) -> Vec<Call> {
    let access = body["access_token"].as_str().unwrap();
    let everywhere = Call::ags("signOutEverywhere").header("authorization", access);
    let chosen = Call::ags("subsequentSignOn").with("x-auth-service-id", "Members");
    vec![
        Call::sign_on(ticket),
        Call::refresh(body["refresh_token"].as_str().unwrap()),
        Call::sign_out(access),
        everywhere.json(&parameters(&[])),
        Call::devices(access),
        Call::delete_device(access, body["client_id"].as_str().unwrap()),
        Call::idp_sign_on("idp-ada"),
        chosen.header("user-token", ticket).json(&parameters(&[])),
    ]
}

#[tokio::test]
async fn a_store_that_is_down_is_503_everywhere_and_afterwards_nothing_is_lost() {
    let Outage { gateway, store } = Outage::new("").await;
    let body = gateway.signed_on("1663").await;
    let ticket = gateway.ticket("1663").await;
    store.is(Mood::Down);
    for call in calls(&body, &ticket) {
        gateway.send(call).await.problem(503);
    }
    let operator = crate::support::operator_token("nagra", "1663");
    gateway.send(Call::get_session_token(&operator)).await.problem(503);
    store.is(Mood::Well);
    gateway.refreshed(&body).await.expect(200);
    gateway.send(Call::sign_on(&ticket)).await.expect(201);
}

#[tokio::test]
async fn a_store_that_hangs_is_503_within_the_requests_deadline() {
    let Outage { gateway, store } = Outage::new(HASTY).await;
    let body = gateway.signed_on("1663").await;
    let ticket = gateway.ticket("1663").await;
    store.is(Mood::Hangs);
    for call in calls(&body, &ticket) {
        let asked = Instant::now();
        gateway.send(call).await.problem(503);
        // Generous, for busy machines: without a deadline it never answers.
        assert!(asked.elapsed().as_secs() < 30);
    }
    store.is(Mood::Well);
    gateway.refreshed(&body).await.expect(200);
    gateway.send(Call::sign_on(&ticket)).await.expect(201);
}

#[tokio::test]
async fn a_bad_token_is_401_even_then() {
    let Outage { gateway, store } = Outage::new("").await;
    store.is(Mood::Down);
    gateway.send(Call::refresh("x.y.z")).await.problem(401);
    gateway.send(Call::sign_out("x.y.z")).await.problem(401);
}

#[tokio::test]
async fn what_needs_no_store_goes_on() {
    let Outage { gateway, store } = Outage::new("").await;
    store.is(Mood::Down);
    let cookie = format!("AnswerHubCookieSSO={}", cookie(&payload("ada", &["USE_API"])));
    let call = Call::post("/services/v2/auth/cookiesso/token.json").header("cookie", cookie);
    let token = gateway.send(call).await.expect(200);
    let user = Call::get("/services/v2/user.json").bearer(token["jwt"].as_str().unwrap());
    assert_eq!(gateway.send(user).await.expect(200)["list"][0]["username"], json!("ada"));
    assert_eq!(gateway.send(Call::get("/tenants/nagra/.well-known/jwks.json")).await.status, 200);
    let discovery = Call::get("/ags/servicediscovery").header("nv-tenant-id", "nagra");
    gateway.send(discovery).await.expect(200);
}

#[tokio::test]
async fn readiness_follows_the_store() {
    let outage = Outage::new("").await;
    assert_eq!(outage.ready().await, 200);
    outage.store.is(Mood::Down);
    assert_eq!(outage.ready().await, 503);
    outage.store.is(Mood::Well);
    assert_eq!(outage.ready().await, 200);
}

#[tokio::test]
async fn a_store_that_hangs_is_not_ready() {
    let outage = Outage::new("").await;
    outage.store.is(Mood::Hangs);
    assert_eq!(outage.ready().await, 503);
}
