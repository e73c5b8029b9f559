//! A new configuration: a good one is swapped in without dropping a request, a bad one
//! changes nothing.

use crate::answerhub::{COOKIE_PATH, exchange};
use crate::support::{Call, Fixture, settings};

#[tokio::test]
async fn a_good_one_is_swapped_in() {
    let gateway = Fixture::new().await;
    let pair = gateway.signed_on("1663").await;
    let new = settings(&gateway.dir, "tenants.community.answerhub.tokens.ttl = \"1h\"").unwrap();
    gateway.app.reload(&new).await.unwrap();
    let body = gateway.send(exchange(COOKIE_PATH)).await.expect(200);
    assert_eq!(body["expiresIn"], 3600);
    gateway.refreshed(&pair).await.expect(200);
}

#[tokio::test]
async fn a_bad_one_leaves_the_old_one_serving() {
    let gateway = Fixture::new().await;
    let bad = settings(&gateway.dir, "server.default_tenant = \"nobody\"").unwrap();
    let problems = gateway.app.reload(&bad).await.unwrap_err();
    assert_eq!(problems[0].path, "server.default_tenant");
    gateway.send(exchange(COOKIE_PATH)).await.expect(200);
}

#[tokio::test]
async fn a_tenant_that_is_gone_is_gone_and_its_tokens_with_it() {
    let gateway = Fixture::new().await;
    let pair = gateway.signed_on("1663").await;
    let only_site = r#"
        store.kind = "memory"
        validators.portal = { kind = "signed_cookie", secrets = ["portal-secret-portal-secret-portal-secret"] }
        [tenants.community]
        answerhub = { cookie_service = "Portal", tokens = { issuer = "https://community.example.com" } }
        services = [{ name = "Portal", validator = "portal" }]
    "#;
    gateway.app.reload(&super::load(only_site).unwrap()).await.unwrap();
    gateway.refreshed(&pair).await.problem(404);
    gateway.app.reload(&gateway.settings).await.unwrap();
    gateway.refreshed(&pair).await.expect(200);
}

#[tokio::test]
async fn a_session_token_from_before_is_good_after() {
    let gateway = Fixture::new().await;
    let ticket = gateway.ticket("1663").await;
    gateway.app.reload(&gateway.settings).await.unwrap();
    gateway.send(Call::sign_on(&ticket)).await.expect(201);
    gateway.send(Call::sign_on(&ticket)).await.problem(401);
}
