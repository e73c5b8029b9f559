//! Forged and crossed tokens: `none`, another algorithm, another key's id, keys brought
//! along, times that are none. Each is signed with the right secret where that is possible,
//! so that it is the rule that refuses it and not the signature.

use super::{Case, refused};
use crate::answerhub::{USER_PATH, token};
use crate::support::{
    AGS_SECRET, Call, Fixture, NOW, SITE_SECRET, claims_of, header_of, signed_jwt,
};
use aws_lc_rs::hmac::{HMAC_SHA256, HMAC_SHA384, HMAC_SHA512};
use serde_json::{Value, json};

/// A token's header and claims with one member changed, as text.
fn changed(token: &str, of_header: bool, member: &str, value: Value) -> (String, String) {
    let (mut header, mut claims) = (header_of(token), claims_of(token));
    let part = if of_header { &mut header } else { &mut claims };
    part[member] = value;
    (header.to_string(), claims.to_string())
}

/// What may not stand in a header.
fn headers() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("none", "alg", json!("none")),
        ("none in another case", "alg", json!("NoNe")),
        ("another hash", "alg", json!("HS384")),
        ("an asymmetric algorithm", "alg", json!("RS256")),
        ("another key", "kid", json!("other")),
        ("a path as key id", "kid", json!("../../../../dev/null")),
        ("sql as key id", "kid", json!("259629' OR '1'='1")),
        ("a number as key id", "kid", json!(259629)),
        ("a key's address", "jku", json!("https://evil.example/jwks.json")),
        ("a certificate's address", "x5u", json!("https://evil.example/x5u.pem")),
        ("a key", "jwk", json!({"kty": "oct", "k": "AAAA"})),
        ("a critical extension", "crit", json!(["exp"])),
    ]
}

/// What is no time in the future.
fn times() -> Vec<(&'static str, Value)> {
    vec![
        ("a float", json!(NOW as f64 + 60.5)),
        ("a text", json!((NOW + 60).to_string())),
        ("negative", json!(-(NOW + 60))),
        ("zero", json!(0)),
        ("null", Value::Null),
        ("a list", json!([NOW + 60])),
        ("past", json!(NOW)),
        ("huge", serde_json::from_str("1e300").unwrap()),
        ("larger than 64 bits", serde_json::from_str("99999999999999999999").unwrap()),
    ]
}

#[tokio::test]
async fn forged_bearer_tokens_are_401() {
    let gateway = Fixture::new().await;
    let good = token(&gateway).await;
    let user = |token: &str| Call::get(USER_PATH).bearer(token);
    let signed = |(header, claims): (String, String)| {
        user(&signed_jwt(&header, &claims, SITE_SECRET, HMAC_SHA512))
    };
    gateway
        .send(signed((header_of(&good).to_string(), claims_of(&good).to_string())))
        .await
        .expect(200);

    let mut cases: Vec<Case> = Vec::new();
    for (what, member, value) in headers() {
        cases.push((what, signed(changed(&good, true, member, value)), 401));
    }
    for (what, value) in times() {
        cases.push((what, signed(changed(&good, false, "exp", value)), 401));
    }
    for (what, member, value) in [
        ("another issuer", "iss", json!("https://evil.example")),
        ("another audience", "aud", json!("https://evil.example")),
        ("no roles", "roles", json!([])),
        ("roles as a text", "roles", json!("USE_API")),
        ("no subject", "sub", Value::Null),
    ] {
        cases.push((what, signed(changed(&good, false, member, value)), 401));
    }
    let (header, claims) = (header_of(&good).to_string(), claims_of(&good).to_string());
    let weaker = header.replace("HS512", "HS384");
    cases.push((
        "the right secret, another hash",
        user(&signed_jwt(&weaker, &claims, SITE_SECRET, HMAC_SHA384)),
        401,
    ));
    cases.push((
        "another secret",
        user(&signed_jwt(&header, &claims, AGS_SECRET, HMAC_SHA512)),
        401,
    ));
    let unsigned = format!("{}.", good.rsplit_once('.').unwrap().0);
    cases.push(("unsigned", user(&unsigned), 401));
    cases.push(("two parts", user(unsigned.trim_end_matches('.')), 401));
    cases.push(("four parts", user(&format!("{good}.x")), 401));
    cases.push(("padded", user(&format!("{good}=")), 401));
    refused(&gateway, cases, &[&good]).await;
}

#[tokio::test]
async fn forged_refresh_tokens_are_401_and_end_nothing() {
    let gateway = Fixture::new().await;
    let pair = gateway.signed_on("1663").await;
    let good = pair["refresh_token"].as_str().unwrap();
    let signed = |(header, claims): (String, String)| {
        Call::refresh(&signed_jwt(&header, &claims, AGS_SECRET, HMAC_SHA256))
    };
    let mut cases: Vec<Case> = Vec::new();
    for (what, member, value) in headers() {
        cases.push((what, signed(changed(good, true, member, value)), 401));
    }
    for (what, value) in times() {
        cases.push((what, signed(changed(good, false, "exp", value.clone())), 401));
        cases.push((what, signed(changed(good, false, "fixed_exp", value)), 401));
    }
    for (what, member, value) in [
        ("an access token's type", "typ", json!("DevAuthN")),
        ("no type", "typ", Value::Null),
        ("another tenant", "tenantId", json!("rival")),
        ("another account", "accountId", json!("99")),
        ("another device", "deviceId", json!("PUB_1")),
        ("another session", "jti", json!("1048577")),
        ("no session", "jti", json!("x")),
        ("a number for the session", "jti", json!(1_048_577)),
    ] {
        cases.push((what, signed(changed(good, false, member, value)), 401));
    }
    cases.push(("an access token", Call::refresh(pair["access_token"].as_str().unwrap()), 401));
    refused(&gateway, cases, &[good]).await;
    gateway.refreshed(&pair).await.expect(200);
}

#[tokio::test]
async fn forged_access_tokens_sign_nobody_out() {
    let gateway = Fixture::new().await;
    let pair = gateway.signed_on("1663").await;
    let good = pair["access_token"].as_str().unwrap();
    let signed = |(header, claims): (String, String)| {
        Call::sign_out(&signed_jwt(&header, &claims, AGS_SECRET, HMAC_SHA256))
    };
    let mut cases: Vec<Case> = Vec::new();
    for (what, member, value) in headers() {
        cases.push((what, signed(changed(good, true, member, value)), 401));
    }
    for (what, member, value) in [
        ("a refresh token's type", "typ", json!("RefreshAuthN")),
        ("another tenant", "tenantId", json!("rival")),
        ("another device", "deviceId", json!("PUB_1")),
        ("expired", "exp", json!(NOW)),
    ] {
        cases.push((what, signed(changed(good, false, member, value)), 401));
    }
    cases.push(("a refresh token", Call::sign_out(pair["refresh_token"].as_str().unwrap()), 401));
    refused(&gateway, cases, &[good]).await;
    gateway.refreshed(&pair).await.expect(200);
}
