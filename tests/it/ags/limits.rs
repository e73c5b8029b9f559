//! How many sessions and devices an account may have, and what clients are told.

use std::sync::Arc;

use crate::race::race;
use crate::support::{Call, Fixture, sign_on_body};
use serde_json::{Value, json};

/// An identity system in which ada has several SSO sessions.
const IDP: &str = r#"
[validators.sso]
kind = "scripted"
answers = [
    { credential = "first-1", subject = "ada", session_id = "1", accounts = [{ id = "1663" }] },
    { credential = "first-2", subject = "ada", session_id = "1", accounts = [{ id = "1663" }] },
    { credential = "second", subject = "ada", session_id = "2", accounts = [{ id = "1663" }] },
    { credential = "nameless", subject = "ada", accounts = [{ id = "1663" }] },
    { credential = "bob", subject = "bob", session_id = "1", accounts = [{ id = "99" }] },
]
[tenants.nagra]
services = [{ name = "Customer Auth Service", validator = "tickets" }, { name = "IdP", validator = "sso" }]
"#;

async fn gateway(policy: &str) -> Fixture {
    Fixture::with(&format!("{IDP}\n[tenants.nagra.ags]\n{policy}\n")).await
}

async fn refresh(gateway: &Fixture, body: &Value) -> crate::support::Answer {
    let call = Call::refresh(body["refresh_token"].as_str().unwrap());
    gateway.send(call.with("x-auth-service-id", "IdP")).await
}

#[tokio::test]
async fn a_full_account_is_refused_with_a_type_of_its_own() {
    let gateway = gateway("sessions = { max = 1 }").await;
    let first = gateway.signed_on("1663").await;
    let ticket = gateway.ticket("1663").await;
    let refused = gateway.send(Call::sign_on(&ticket)).await.problem(403);
    assert_eq!(refused["type"], "urn:cambio:problem:session-limit");
    assert_eq!(refused["code"], Value::Null);
    gateway.signed_on("99").await;
    // The refusal has used nothing up.
    let out = Call::sign_out(first["access_token"].as_str().unwrap());
    gateway.send(out).await.expect(200);
    gateway.send(Call::sign_on(&ticket)).await.expect(201);
}

#[tokio::test]
async fn an_evicted_client_is_told_so_at_refresh() {
    let gateway = gateway("sessions = { max = 1, when_full = \"evict_oldest\" }").await;
    let first = gateway.signed_on("1663").await;
    let second = gateway.signed_on("1663").await;
    let told = gateway.refreshed(&first).await.problem(401);
    assert_eq!(told["type"], "urn:cambio:problem:session-evicted");
    assert_eq!(told["title"], "Session evicted");
    // Signing out what is no more is the common 401.
    let out = gateway.send(Call::sign_out(first["access_token"].as_str().unwrap())).await;
    assert_eq!(out.problem(401)["type"], "about:blank");
    gateway.refreshed(&second).await.expect(200);
}

#[tokio::test]
async fn the_idle_one_goes_and_the_used_one_stays() {
    let gateway = gateway("sessions = { max = 2, when_full = \"evict_idle\" }").await;
    let used = gateway.signed_on("1663").await;
    gateway.advance(10);
    let idle = gateway.signed_on("1663").await;
    gateway.advance(10);
    let used = gateway.refreshed(&used).await.expect(200);
    gateway.signed_on("1663").await;
    let told = gateway.refreshed(&idle).await.problem(401);
    assert_eq!(told["type"], "urn:cambio:problem:session-evicted");
    gateway.refreshed(&used).await.expect(200);
}

#[tokio::test]
async fn the_same_sso_session_takes_no_second_place() {
    let gateway = gateway("sessions = { max = 1 }").await;
    let first = gateway.send(Call::idp_sign_on("first-1")).await.expect(201);
    let again = gateway.send(Call::idp_sign_on("first-2")).await.expect(201);
    let other = gateway.send(Call::idp_sign_on("second")).await.problem(403);
    assert_eq!(other["type"], "urn:cambio:problem:session-limit");
    gateway.send(Call::idp_sign_on("nameless")).await.problem(403);
    for body in [first, again] {
        refresh(&gateway, &body).await.expect(200);
    }
    gateway.send(Call::idp_sign_on("bob")).await.expect(201);
}

#[tokio::test]
async fn without_an_id_the_same_credential_is_the_same_sso_session() {
    let gateway = gateway("sessions = { max = 1 }").await;
    gateway.send(Call::idp_sign_on("nameless")).await.expect(201);
    gateway.send(Call::idp_sign_on("nameless")).await.expect(201);
    gateway.send(Call::idp_sign_on("first-1")).await.problem(403);
}

#[tokio::test]
async fn idle_and_absolute_lifetimes_end_a_session() {
    let gateway = gateway(
        "tokens.access_ttl = \"50s\"\ntokens.refresh_ttl = \"100s\"\ntokens.fixed_ttl = \"250s\"",
    )
    .await;
    let mut body = gateway.send(Call::idp_sign_on("second")).await.expect(201);
    let idle = gateway.send(Call::idp_sign_on("first-1")).await.expect(201);
    gateway.advance(99);
    body = refresh(&gateway, &body).await.expect(200);
    gateway.advance(1);
    refresh(&gateway, &idle).await.problem(401);
    gateway.advance(98);
    body = refresh(&gateway, &body).await.expect(200);
    assert_eq!(body["refresh_expires_in"], 52);
    gateway.advance(52);
    refresh(&gateway, &body).await.problem(401);
}

fn of_class(ticket: &str, class: Option<&str>) -> Call {
    let mut body = sign_on_body(ticket);
    if let Some(class) = class {
        body["deviceInformation"]["playoutDeviceClass"] = json!(class);
    }
    Call::ags("signOnWithSessionToken").json(&body)
}

#[tokio::test]
async fn each_device_class_has_its_limit() {
    let limits = "max_devices = 4\nmax_devices_by_class = { TV = 2 }\n\
                  max_devices_of_other_classes = 1";
    let gateway = gateway(limits).await;
    let sign_on = async |class| {
        let ticket = gateway.ticket("1663").await;
        gateway.send(of_class(&ticket, class)).await
    };
    sign_on(Some("TV")).await.expect(201);
    sign_on(Some("TV")).await.expect(201);
    sign_on(Some("TV")).await.forbidden(20007);
    sign_on(Some("PHONE")).await.expect(201);
    sign_on(Some("PHONE")).await.forbidden(20007);
    sign_on(None).await.expect(201);
    // Four in all.
    sign_on(Some("STB")).await.forbidden(20007);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_racing_first_sign_ons_three_become_devices() {
    let sqlite = "store = { kind = \"sqlite\", path = \"@DIR@/cambio.db\" }\n";
    let (all, tvs) = ("max_devices = 3", "max_devices_by_class = { TV = 3 }");
    for (store, limit) in [("", all), (sqlite, all), ("", tvs), (sqlite, tvs)] {
        let base = format!("{store}[tenants.nagra.ags]\n{limit}\n");
        let gateway = Arc::new(Fixture::with(&base).await);
        let mut tickets = Vec::new();
        for _ in 0..64 {
            tickets.push(gateway.ticket("1663").await);
        }
        let tickets = std::sync::Mutex::new(tickets);
        let sign_on = || of_class(&tickets.lock().unwrap().pop().unwrap(), Some("TV"));
        let answers = race(&gateway, sign_on).await;
        let count = |status| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((count(201), count(403)), (3, 61), "{limit}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_racing_sign_ons_as_many_get_a_session_as_may() {
    let gateway = Arc::new(gateway("sessions = { max = 3 }").await);
    let mut tickets = Vec::new();
    for _ in 0..64 {
        tickets.push(gateway.ticket("1663").await);
    }
    let tickets = std::sync::Mutex::new(tickets);
    let answers = race(&gateway, || Call::sign_on(&tickets.lock().unwrap().pop().unwrap())).await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(201), count(403)), (3, 61));
}
