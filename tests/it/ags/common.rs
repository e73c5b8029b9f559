//! B.0: what every AGS call has in common.

use crate::support::{AGS_SERVICE, Call, Fixture, parameters};
use serde_json::json;

const POSTS: [&str; 4] = ["getSessionToken", "signOnWithSessionToken", "refresh", "signOut"];

/// A call that is well-formed as far as headers go.
fn call(name: &str) -> Call {
    Call::ags(name).header("authorization", "x.y.z").json(&parameters(&[]))
}

#[tokio::test]
async fn a_good_correlation_id_is_echoed_and_a_bad_one_replaced() {
    let gateway = Fixture::new().await;
    let ask = |call: Call| gateway.send(call);
    let kept =
        ask(Call::get("/ags/servicediscovery").header("x-correlation-id", "flow-1:a/b")).await;
    assert_eq!(kept.header("x-correlation-id"), Some("flow-1:a/b"));
    for bad in ["", "a b", "<script>", &"x".repeat(129)] {
        let replaced = ask(call("refresh").header("x-correlation-id", bad)).await;
        let id = replaced.header("x-correlation-id").unwrap();
        assert!(uuid::Uuid::parse_str(id).is_ok(), "{id}");
    }
    let doubled = call("refresh").header("x-correlation-id", "a").header("x-correlation-id", "b");
    assert!(uuid::Uuid::parse_str(ask(doubled).await.header("x-correlation-id").unwrap()).is_ok());
}

#[tokio::test]
async fn every_post_needs_its_service_header() {
    let gateway = Fixture::new().await;
    for name in POSTS {
        gateway.send(call(name).without("x-auth-service-id")).await.problem(400);
    }
}

#[tokio::test]
async fn every_call_needs_its_tenant_header_when_there_are_several_tenants() {
    let gateway = Fixture::new().await;
    for name in POSTS {
        gateway.send(call(name).without("nv-tenant-id")).await.problem(400);
    }
    gateway.send(Call::get("/ags/servicediscovery")).await.problem(400);
}

#[tokio::test]
async fn the_only_tenant_needs_no_header() {
    let gateway = Fixture::only(
        r#"
        store.kind = "memory"
        validators.tickets.kind = "session_token"
        [tenants.nagra]
        ags = {}
        services = [{ name = "Customer Auth Service", validator = "tickets" }]
        "#,
    )
    .await;
    gateway.send(Call::get("/ags/servicediscovery")).await.expect(200);
    gateway.send(call("refresh").without("nv-tenant-id")).await.problem(401);
}

#[tokio::test]
async fn an_unknown_tenant_or_service_is_404() {
    let gateway = Fixture::new().await;
    for name in POSTS {
        gateway.send(call(name).with("nv-tenant-id", "nobody")).await.problem(404);
        gateway.send(call(name).with("x-auth-service-id", "Nobody")).await.problem(404);
        let site = call(name).with("nv-tenant-id", "community");
        gateway.send(site.with("x-auth-service-id", "Portal")).await.problem(404);
    }
}

#[tokio::test]
async fn a_missing_content_type_is_fine_and_a_wrong_one_is_malformed() {
    let gateway = Fixture::new().await;
    let pair = gateway.signed_on("1663").await;
    let refresh = || Call::refresh(pair["refresh_token"].as_str().unwrap()).without("content-type");
    gateway.send(refresh()).await.expect(200);
    for fine in ["application/json; charset=utf-8", "APPLICATION/JSON", "application/ags+json"] {
        gateway.send(refresh().header("content-type", fine)).await.expect(200);
    }
    for wrong in ["text/plain", "application/x-www-form-urlencoded", "", "jsonp"] {
        gateway.send(refresh().header("content-type", wrong)).await.problem(400);
    }
}

#[tokio::test]
async fn parameter_names_are_read_in_any_case() {
    let gateway = Fixture::new().await;
    let ticket = gateway.ticket("1663").await;
    let mut body = parameters(&[("SESSIONTOKEN", &ticket), ("unknown", "x")]);
    body["deviceInformation"] = json!({});
    gateway.send(Call::ags("signOnWithSessionToken").json(&body)).await.expect(201);
}

#[tokio::test]
async fn the_token_body_has_the_vendors_members() {
    let gateway = Fixture::new().await;
    let signed_on = gateway.signed_on("1663").await;
    let refreshed = gateway.refreshed(&signed_on).await.expect(200);
    for body in [signed_on, refreshed] {
        let members: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
        let vendors = [
            "access_token",
            "refresh_token",
            "client_id",
            "accountId",
            "token_type",
            "expires_in",
            "refresh_expires_in",
            "fixed_refresh_expires_in",
        ];
        assert_eq!(members, vendors);
        assert_eq!((&body["accountId"], &body["token_type"]), (&json!("1663"), &json!("bearer")));
        let times = ["expires_in", "refresh_expires_in", "fixed_refresh_expires_in"];
        assert_eq!(times.map(|t| body[t].as_u64().unwrap()), [3600, 172_800, 2_592_000]);
    }
}

#[tokio::test]
async fn a_service_header_with_spaces_is_the_name_of_discovery() {
    let gateway = Fixture::new().await;
    let discovery = Call::get("/ags/servicediscovery").header("nv-tenant-id", "nagra");
    let body = gateway.send(discovery).await.expect(200);
    assert_eq!(body["availableServices"][0]["authServiceName"], AGS_SERVICE);
}
