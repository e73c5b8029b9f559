//! `any_of` through the whole gateway: whose outage is an outage, and for whom it is none.

use serde_json::json;

use crate::fake_upstream::{Behaviour, Upstream, refusing_origin};
use crate::sso_cas;
use crate::support::{Call, Fixture, PORTAL_SECRET, cookie, payload};

/// A gateway whose one service takes the portal's cookies and two systems' sessions.
async fn gateway(sso: &str) -> Fixture {
    Fixture::only(&format!(
        r#"
        store.kind = "memory"
        [validators.portal]
        kind = "signed_cookie"
        secrets = ["{PORTAL_SECRET}"]
        [validators.old-portal]
        kind = "signed_cookie"
        secrets = ["another secret of more than thirty-two bytes"]
        [validators.sso]
        kind = "http"
        url = "{sso}/session"
        send = {{ cookie = {{ name = "sso" }} }}
        fields = {{ subject = "sub" }}
        cache = {{ ttl = "30s", jitter = 0, stale_if_error = "0s", negative_ttl = "0s" }}
        [validators.all]
        kind = "any_of"
        validators = ["old-portal", "portal", "sso"]
        [tenants.community.answerhub]
        cookie_service = "SSO"
        tokens.issuer = "https://community.example.com"
        [[tenants.community.services]]
        name = "SSO"
        validator = "all"
        cookie = "sso"
        "#
    ))
    .await
}

async fn status(gateway: &Fixture, cookie: &str) -> u16 {
    let call = Call::post("/services/v2/auth/cookiesso/token.json");
    gateway.send(call.header("cookie", format!("sso={cookie}"))).await.status
}

#[tokio::test]
async fn the_outage_of_the_one_that_owns_it_is_503_and_nobody_elses() {
    let gateway = gateway(&refusing_origin().await).await;
    assert_eq!(status(&gateway, &cookie(&payload("ada", &[]))).await, 200);
    assert_eq!(status(&gateway, "some-session").await, 503);
}

#[tokio::test]
async fn tickets_may_be_among_what_a_service_takes() {
    let gateway = Fixture::with(
        r#"
        [validators.both]
        kind = "any_of"
        validators = ["tickets", "idp"]
        [[tenants.nagra.services]]
        name = "Customer Auth Service"
        validator = "both"
        "#,
    )
    .await;
    gateway.signed_on("1663").await;
    gateway.send(Call::sign_on("idp-ada")).await.expect(201);
    gateway.send(Call::sign_on("idp-down")).await.problem(503);
    gateway.send(Call::sign_on("nobody-knows-this-token")).await.problem(401);
}

#[tokio::test]
async fn the_owners_refusal_counts_and_the_others_are_not_asked() {
    let up = Upstream::start(Behaviour::json(json!({"sub": "eve"}))).await;
    let gateway = gateway(&up.origin).await;
    let mut expired = payload("ada", &[]);
    expired.exp = cambio::domain::Timestamp::from_secs(1);
    assert_eq!(status(&gateway, &cookie(&expired)).await, 401);
    assert_eq!(up.requests().len(), 0, "it is the portal's and was never sent on");
    assert_eq!(status(&gateway, "some-session").await, 200);
    assert_eq!(up.requests().len(), 1);
}

/// Systems that are asked tell their credentials apart by what these look like.
#[tokio::test]
async fn each_system_is_asked_about_what_looks_like_its_own() {
    let portal = Upstream::start(Behaviour::json(json!({"sub": "of the portal"}))).await;
    let cas = Upstream::start(sso_cas::yes("<cas:user>of cas</cas:user>")).await;
    let any = Upstream::start(Behaviour::json(json!({"sub": "of the rest"}))).await;
    let overlay = |order: &str| {
        format!(
            r#"
            validators.portal = {{ kind = "http", url = "{}/s", send = {{ cookie = {{ name = "s" }} }}, credential = {{ alphabet = "hex", min_length = 8, max_length = 8 }}, fields = {{ subject = "sub" }} }}
            validators.tickets = {{ kind = "cas", url = "{}/cas", service = "https://app.example" }}
            validators.rest = {{ kind = "http", url = "{}/s", send = {{ cookie = {{ name = "s" }} }}, fields = {{ subject = "sub" }} }}
            validators.all = {{ kind = "any_of", validators = [{order}] }}
            "#,
            portal.origin, cas.origin, any.origin
        )
    };
    let service = r#"
        [tenants.community.answerhub]
        cookie_service = "SSO"
        tokens.issuer = "https://community.example.com"
        [[tenants.community.services]]
        name = "SSO"
        validator = "all"
        cookie = "sso"
    "#;
    let base = "store.kind = \"memory\"\n";
    let order = overlay(r#""portal", "tickets", "rest""#);
    let gateway = Fixture::only(&format!("{base}{order}{service}")).await;
    for (credential, asked) in
        [("0123abcd", [1, 0, 0]), ("ST-1-abcd", [1, 1, 0]), ("0123abcg", [1, 1, 1])]
    {
        assert_eq!(status(&gateway, credential).await, 200, "{credential}");
        assert_eq!([&portal, &cas, &any].map(|up| up.requests().len()), asked, "{credential}");
    }
}
