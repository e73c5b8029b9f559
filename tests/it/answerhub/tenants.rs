//! A.1: which tenant and which service a call is for.

use super::{COOKIE_PATH, TOKEN_PATH, ada, cookie_header, exchange};
use crate::support::{Call, Fixture, claims_of};

/// A second site, which trusts the same cookies.
const OTHER_SITE: &str = r#"
[tenants.forum]
hosts = ["forum.example.com"]
answerhub = { cookie_service = "Portal", tokens = { issuer = "https://forum.example.com" } }
[[tenants.forum.services]]
name = "Portal"
validator = "portal"
cookie = "forum_sso"
"#;

async fn issuer(gateway: &Fixture, call: Call) -> String {
    let body = gateway.send(call).await.expect(200);
    claims_of(body["jwt"].as_str().unwrap())["iss"].as_str().unwrap().to_owned()
}

fn with_both_cookies() -> Call {
    Call::post(TOKEN_PATH)
        .header("cookie", format!("{}; forum_sso={}", cookie_header(&ada()), ada()))
}

#[tokio::test]
async fn the_header_then_the_host_then_the_default_decide() {
    let gateway = Fixture::with(OTHER_SITE).await;
    let (forum, community) = ("https://forum.example.com", "https://community.example.com");
    let call = with_both_cookies;
    assert_eq!(issuer(&gateway, call()).await, community, "the default tenant");
    assert_eq!(issuer(&gateway, call().header("host", "forum.example.com")).await, forum);
    assert_eq!(issuer(&gateway, call().header("host", "FORUM.example.com:8443")).await, forum);
    assert_eq!(issuer(&gateway, call().header("host", "elsewhere")).await, community);
    let named = call().header("nv-tenant-id", "community").header("host", "forum.example.com");
    assert_eq!(issuer(&gateway, named).await, community);
}

#[tokio::test]
async fn a_forwarded_host_counts_from_trusted_proxies_only() {
    let gateway = Fixture::with(OTHER_SITE).await;
    let call = || with_both_cookies().header("x-forwarded-host", "forum.example.com");
    assert_eq!(issuer(&gateway, call()).await, "https://community.example.com");
    let trusted = call().from([10, 0, 0, 9]);
    assert_eq!(issuer(&gateway, trusted).await, "https://forum.example.com");
}

#[tokio::test]
async fn the_cookies_name_is_the_services() {
    let gateway = Fixture::with(OTHER_SITE).await;
    let call = |name: &str| {
        Call::post(TOKEN_PATH)
            .header("nv-tenant-id", "forum")
            .header("cookie", format!("{name}={}", ada()))
    };
    gateway.send(call("forum_sso")).await.expect(200);
    gateway.send(call("AnswerHubCookieSSO")).await.problem(400);
}

#[tokio::test]
async fn an_unknown_tenant_or_one_without_a_site_does_not_exist() {
    let gateway = Fixture::new().await;
    for tenant in ["nobody", "nagra"] {
        gateway.send(exchange(COOKIE_PATH).header("nv-tenant-id", tenant)).await.problem(404);
    }
}

#[tokio::test]
async fn the_service_header_is_optional_and_must_exist_and_take_cookies() {
    let gateway = Fixture::with(
        "[validators.tickets2]\nkind = \"session_token\"\n[[tenants.community.services]]\n\
         name = \"Portal\"\nvalidator = \"portal\"\n[[tenants.community.services]]\n\
         name = \"Members\"\nvalidator = \"members\"\n[[tenants.community.services]]\n\
         name = \"Tickets\"\nvalidator = \"tickets2\"\n",
    )
    .await;
    let named = |name: &str| exchange(COOKIE_PATH).header("x-auth-service-id", name);
    gateway.send(named("Portal")).await.expect(200);
    gateway.send(named("Nobody")).await.problem(404);
    gateway.send(named("Tickets")).await.problem(400);
}

/// One site and nothing else.
const ONE_SITE: &str = r#"
store.kind = "memory"
[validators.portal]
kind = "signed_cookie"
secrets = ["portal-secret-portal-secret-portal-secret"]
[tenants.forum]
answerhub = { cookie_service = "Portal", tokens = { issuer = "https://forum.example.com" } }
[[tenants.forum.services]]
name = "Portal"
validator = "portal"
"#;

#[tokio::test]
async fn the_only_tenant_needs_no_name() {
    let gateway = Fixture::only(ONE_SITE).await;
    gateway.send(exchange(COOKIE_PATH)).await.expect(200);
}

#[tokio::test]
async fn one_of_several_must_be_named_when_nothing_else_says_which() {
    let second = ONE_SITE.replace("[tenants.forum", "[tenants.second");
    let second = &second[second.find("[tenants.").unwrap()..];
    let second = second.replace("[[tenants.forum", "[[tenants.second");
    let gateway = Fixture::only(&format!("{ONE_SITE}{second}")).await;
    gateway.send(exchange(COOKIE_PATH)).await.problem(400);
    gateway.send(exchange(COOKIE_PATH).header("nv-tenant-id", "second")).await.expect(200);
}
