//! Headers that are missing, doubled, over-long, not ASCII or hold what they may not.

use super::{Case, refused, refused_unburnt};
use crate::answerhub::{COOKIE_PATH, exchange};
use crate::support::{Call, Fixture};

fn long() -> String {
    "x".repeat(8000)
}

/// What is wrong with a name in a header, and the status when the name must be known.
fn bad_names() -> Vec<(&'static str, Vec<u8>, u16)> {
    vec![
        ("empty", Vec::new(), 400),
        ("over-long", long().into_bytes(), 400),
        ("not ascii", "käse".into(), 400),
        ("not utf-8", vec![b'a', 0xff], 400),
        ("a tab", b"a\tb".to_vec(), 400),
        ("unknown", b"nobody".to_vec(), 404),
        ("a path", b"../nagra".to_vec(), 400),
        ("sql", b"nagra' OR '1'='1".to_vec(), 400),
    ]
}

#[tokio::test]
async fn tenant_and_service_headers_of_a_sign_on() {
    let gateway = Fixture::new().await;
    let ticket = gateway.ticket("1663").await;
    let mut cases: Vec<Case> = Vec::new();
    for (what, value, status) in bad_names() {
        cases.push((what, Call::sign_on(&ticket).with("nv-tenant-id", &value), status));
        // A service's name may hold anything printable: such a one is unknown.
        let printable = !value.is_empty()
            && value.len() <= 128
            && value.iter().all(|b| (b' '..=b'~').contains(b));
        let status = if printable { 404 } else { status };
        cases.push((what, Call::sign_on(&ticket).with("x-auth-service-id", &value), status));
    }
    for name in ["nv-tenant-id", "x-auth-service-id"] {
        cases.push(("missing", Call::sign_on(&ticket).without(name), 400));
    }
    let again = Call::sign_on(&ticket).header("nv-tenant-id", "nagra");
    cases.push(("doubled with the same value", again, 400));
    let other = Call::sign_on(&ticket).header("x-auth-service-id", "IdP");
    cases.push(("doubled with another value", other, 400));
    refused_unburnt(&gateway, cases, &ticket).await;
}

#[tokio::test]
async fn tenant_and_service_headers_of_a_site_call() {
    let gateway = Fixture::new().await;
    let mut cases: Vec<Case> = Vec::new();
    for (what, value, status) in bad_names() {
        cases.push((what, exchange(COOKIE_PATH).header("nv-tenant-id", &value), status));
    }
    let doubled = exchange(COOKIE_PATH).header("nv-tenant-id", "community");
    cases.push(("doubled", doubled.header("nv-tenant-id", "community"), 400));
    refused(&gateway, cases, &[]).await;
}

#[tokio::test]
async fn authorization_headers() {
    let gateway = Fixture::new().await;
    let pair = gateway.signed_on("1663").await;
    let token = pair["refresh_token"].as_str().unwrap();
    let signature = token.rsplit('.').next().unwrap();
    let cases: Vec<Case> = vec![
        ("missing", Call::refresh(token).without("authorization"), 400),
        ("doubled", Call::refresh(token).header("authorization", token), 400),
        ("empty", Call::refresh(""), 400),
        ("only a scheme", Call::refresh("Bearer "), 400),
        ("another scheme", Call::refresh(&format!("Token {token}")), 400),
        ("not ascii", Call::refresh("Bearer ké.se.x"), 400),
        ("a tab", Call::refresh(&format!("Bearer\t{token}")), 401),
        ("over-long", Call::refresh(&long()), 401),
        ("quoted", Call::refresh(&format!("Bearer \"{token}\"")), 401),
        ("a list", Call::refresh(&format!("Bearer {token},{token}")), 401),
    ];
    refused(&gateway, cases, &[signature]).await;
    gateway.refreshed(&pair).await.expect(200);
}
