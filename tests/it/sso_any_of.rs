//! `any_of` through the whole gateway: whose outage is an outage, and for whom it is none.

use serde_json::json;

use crate::fake_upstream::{Behaviour, Upstream, refusing_origin};
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
    gateway.send(call.header("cookie", &format!("sso={cookie}"))).await.status
}

#[tokio::test]
async fn the_outage_of_the_one_that_owns_it_is_503_and_nobody_elses() {
    let gateway = gateway(&refusing_origin().await).await;
    assert_eq!(status(&gateway, &cookie(&payload("ada", &[]))).await, 200);
    assert_eq!(status(&gateway, "some-session").await, 503);
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
