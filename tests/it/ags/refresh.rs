//! B.5: rotation, the retry of a lost answer, reuse, and the absolute end.

use crate::support::{Call, Fixture, claims_of};
use serde_json::{Value, json};

fn refresh_token(body: &Value) -> &str {
    body["refresh_token"].as_str().unwrap()
}

#[tokio::test]
async fn both_tokens_are_issued_again_for_the_same_device_and_end() {
    let gateway = Fixture::new().await;
    let first = gateway.signed_on("1663").await;
    gateway.advance(100);
    let second = gateway.refreshed(&first).await.expect(200);
    for token in ["access_token", "refresh_token"] {
        assert_ne!(first[token], second[token]);
        let (before, after) =
            (claims_of(first[token].as_str().unwrap()), claims_of(second[token].as_str().unwrap()));
        assert_eq!(before["fixed_exp"], after["fixed_exp"]);
        assert_eq!(before["deviceId"], after["deviceId"]);
        assert_ne!(before["jti"], after["jti"]);
        assert_eq!(after["exp"].as_i64().unwrap(), before["exp"].as_i64().unwrap() + 100);
    }
    assert_eq!(second["client_id"], first["client_id"]);
    assert_eq!(second["fixed_refresh_expires_in"], 2_592_000 - 100);
}

#[tokio::test]
async fn the_token_stands_bare_or_behind_bearer_in_any_case() {
    let gateway = Fixture::new().await;
    let mut body = gateway.signed_on("1663").await;
    for scheme in ["", "Bearer ", "bearer ", "BEARER  "] {
        let call = Call::refresh(&format!("{scheme}{}", refresh_token(&body)));
        body = gateway.send(call).await.expect(200);
    }
}

#[tokio::test]
async fn a_missing_header_or_body_is_malformed() {
    let gateway = Fixture::new().await;
    let body = gateway.signed_on("1663").await;
    let call = || Call::refresh(refresh_token(&body));
    gateway.send(call().without("authorization")).await.problem(400);
    gateway.send(call().with("authorization", "Basic eDp5")).await.problem(400);
    gateway.send(call().with("authorization", "Bearer")).await.problem(400);
    for text in ["", "{}", "[]", "{\"parameters\":{}}", "{\"parameters\":null}"] {
        gateway.send(call().body(text)).await.problem(400);
    }
    gateway.send(call()).await.expect(200);
}

#[tokio::test]
async fn a_retry_inside_the_grace_window_gets_the_same_pair() {
    let gateway = Fixture::new().await;
    let first = gateway.signed_on("1663").await;
    let second = gateway.refreshed(&first).await.expect(200);
    gateway.advance(30);
    let again = gateway.refreshed(&first).await.expect(200);
    assert_eq!(again["refresh_token"], second["refresh_token"]);
    assert_eq!(again["access_token"], second["access_token"]);
    assert_eq!(again["expires_in"], 3570, "seconds from now, not from then");
    gateway.refreshed(&second).await.expect(200);
}

#[tokio::test]
async fn reuse_after_the_grace_window_ends_the_family() {
    let gateway = Fixture::new().await;
    let first = gateway.signed_on("1663").await;
    let second = gateway.refreshed(&first).await.expect(200);
    gateway.advance(31);
    gateway.refreshed(&first).await.problem(401);
    gateway.refreshed(&second).await.problem(401);
    gateway.send(Call::sign_out(second["access_token"].as_str().unwrap())).await.problem(401);
}

#[tokio::test]
async fn reuse_of_what_was_superseded_twice_ends_the_family_at_once() {
    let gateway = Fixture::new().await;
    let first = gateway.signed_on("1663").await;
    let second = gateway.refreshed(&first).await.expect(200);
    let third = gateway.refreshed(&second).await.expect(200);
    gateway.refreshed(&first).await.problem(401);
    gateway.refreshed(&third).await.problem(401);
}

#[tokio::test]
async fn reuse_leaves_other_sessions_of_the_device_alone() {
    let gateway = Fixture::new().await;
    let first = gateway.signed_on("1663").await;
    let other = {
        let ticket = gateway.ticket("1663").await;
        let device = first["client_id"].as_str().unwrap();
        gateway.send(Call::sign_on_again(&ticket, device)).await.expect(201)
    };
    gateway.refreshed(&first).await.expect(200);
    gateway.advance(31);
    gateway.refreshed(&first).await.problem(401);
    gateway.refreshed(&other).await.expect(200);
}

#[tokio::test]
async fn an_access_token_is_no_refresh_token() {
    let gateway = Fixture::new().await;
    let body = gateway.signed_on("1663").await;
    gateway.send(Call::refresh(body["access_token"].as_str().unwrap())).await.problem(401);
    gateway.refreshed(&body).await.expect(200);
}

#[tokio::test]
async fn an_expired_refresh_token_is_401() {
    let gateway = Fixture::new().await;
    let body = gateway.signed_on("1663").await;
    gateway.advance(172_800);
    gateway.refreshed(&body).await.problem(401);
}

#[tokio::test]
async fn a_token_of_another_tenant_is_401_though_the_keys_are_the_same() {
    let gateway = Fixture::new().await;
    let body = gateway.signed_on("1663").await;
    let elsewhere = Call::refresh(refresh_token(&body)).with("nv-tenant-id", "rival");
    gateway.send(elsewhere).await.problem(401);
    gateway.refreshed(&body).await.expect(200);
}

#[tokio::test]
async fn a_session_is_refreshed_at_its_own_service_only() {
    let gateway = Fixture::new().await;
    let body = gateway.signed_on("1663").await;
    let elsewhere = Call::refresh(refresh_token(&body)).with("x-auth-service-id", "IdP");
    gateway.send(elsewhere).await.problem(401);
    gateway.refreshed(&body).await.expect(200);
}

#[tokio::test]
async fn the_absolute_end_caps_both_tokens_and_ends_the_session() {
    let gateway = Fixture::with(
        "tenants.nagra.ags.tokens = { access_ttl = \"1h\", refresh_ttl = \"2h\", fixed_ttl = \"3h\" }",
    )
    .await;
    let mut body = gateway.signed_on("1663").await;
    let fixed = gateway.now() + 3 * 3600;
    for (elapsed, expected) in [(5400, [3600, 5400, 5400]), (3600, [1800, 1800, 1800])] {
        gateway.advance(elapsed);
        body = gateway.refreshed(&body).await.expect(200);
        let members = ["expires_in", "refresh_expires_in", "fixed_refresh_expires_in"];
        assert_eq!(members.map(|m| body[m].as_i64().unwrap()), expected);
        assert_eq!(claims_of(refresh_token(&body))["fixed_exp"], json!(fixed));
    }
    gateway.advance(1800);
    gateway.refreshed(&body).await.problem(401);
}
