//! The `standard` profile (contract C, RFC 9068) on both endpoints, verified as an API
//! would: with nothing but the published keys.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::Value;

use crate::answerhub::{COOKIE_PATH, USER_PATH, exchange};
use crate::support::{Call, Fixture, NOW, claims_of, header_of};

const ALGORITHMS: [&str; 5] = ["ES256", "ES384", "EdDSA", "RS256", "PS256"];

/// Both endpoints with the standard profile; `more` goes into both token tables.
fn overlay(more: &str) -> String {
    format!(
        r#"
        [tenants.api.answerhub]
        cookie_service = "Portal"
        tokens = {{ profile = "standard", issuer = "https://api.example.com", audience = "apis", scope = "read write"{more} }}
        [tenants.api.ags]
        operator.keys = [{{ kid = "head-end-1", secret = "head-end-secret-head-end-secret-head-end" }}]
        tokens = {{ profile = "standard", issuer = "https://api.example.com", audience = "apis"{more} }}
        [[tenants.api.services]]
        name = "Portal"
        validator = "portal"
        [[tenants.api.services]]
        name = "IdP"
        validator = "idp"
        "#
    )
}

async fn jwks(gateway: &Fixture) -> JwkSet {
    let answer = gateway.send(Call::get("/tenants/api/.well-known/jwks.json")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert!(answer.header("cache-control").unwrap().contains("max-age"), "verifiers may cache");
    serde_json::from_slice(&answer.body).unwrap()
}

/// The claims, believed on the word of a published key alone.
fn verified(token: &str, jwks: &JwkSet, audience: &str) -> Value {
    let header = jsonwebtoken::decode_header(token).unwrap();
    let jwk = jwks.find(&header.kid.unwrap()).unwrap();
    let mut rules = Validation::new(header.alg);
    rules.set_audience(&[audience]);
    rules.set_issuer(&["https://api.example.com"]);
    rules.validate_exp = false;
    let key = DecodingKey::from_jwk(jwk).unwrap();
    jsonwebtoken::decode::<Value>(token, &key, &rules).unwrap().claims
}

async fn site_token(gateway: &Fixture) -> String {
    let body = gateway.send(exchange(COOKIE_PATH).header("nv-tenant-id", "api")).await.expect(200);
    assert_eq!(body["jwt"], body["idToken"], "the body stays the vendor's");
    body["jwt"].as_str().unwrap().to_owned()
}

async fn pair(gateway: &Fixture) -> Value {
    let call = Call::idp_sign_on("idp-ada").with("nv-tenant-id", "api");
    gateway.send(call).await.expect(201)
}

#[tokio::test]
async fn a_site_token_has_the_claims_of_rfc_9068() {
    let gateway = Fixture::with(&overlay("")).await;
    let token = site_token(&gateway).await;
    let header = header_of(&token);
    assert_eq!((&header["alg"], &header["typ"]), (&"ES256".into(), &"at+jwt".into()));
    let claims = verified(&token, &jwks(&gateway).await, "apis");
    for (name, value) in [
        ("iss", "https://api.example.com".into()),
        ("sub", "ada".into()),
        ("aud", "apis".into()),
        ("iat", NOW.into()),
        ("exp", (NOW + 21600).into()),
        ("tid", "api".into()),
        ("scope", "read write".into()),
        ("auth_time", NOW.into()),
        ("roles", serde_json::json!(["USE_API"])),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert!(claims["jti"].is_string() && claims["client_id"].is_string());
}

#[tokio::test]
async fn a_pair_has_the_claims_of_rfc_9068_and_the_vendors_body() {
    let gateway = Fixture::with(&overlay("")).await;
    let body = pair(&gateway).await;
    let keys = jwks(&gateway).await;
    let access = body["access_token"].as_str().unwrap();
    assert_eq!(header_of(access)["typ"], "at+jwt");
    let claims = verified(access, &keys, "apis");
    assert_eq!(claims["client_id"], body["client_id"], "the device is the client");
    assert_eq!((&claims["tid"], &claims["exp"]), (&"api".into(), &(NOW + 3600).into()));
    assert!(claims["sid"].is_string() && claims["auth_time"] == NOW);

    let refresh = body["refresh_token"].as_str().unwrap();
    assert_ne!(header_of(refresh)["typ"], "at+jwt", "no api may take it for an access token");
    let issuer = "https://api.example.com";
    assert_eq!(verified(refresh, &keys, issuer)["aud"], issuer);
}

#[tokio::test]
async fn the_session_flow_works_as_with_the_vendors_tokens() {
    let gateway = Fixture::with(&overlay("")).await;
    let first = pair(&gateway).await;
    let at_api = |call: Call| call.with("nv-tenant-id", "api").with("x-auth-service-id", "IdP");
    let token = |body: &Value, name: &str| body[name].as_str().unwrap().to_owned();
    let crossed = [
        Call::refresh(&token(&first, "access_token")),
        Call::sign_out(&token(&first, "refresh_token")),
    ];
    for call in crossed {
        gateway.send(at_api(call)).await.problem(401);
    }
    let refresh = Call::refresh(&token(&first, "refresh_token"));
    let second = gateway.send(at_api(refresh)).await.expect(200);
    let (before, after) = (token(&first, "access_token"), token(&second, "access_token"));
    assert_eq!(claims_of(&before)["sid"], claims_of(&after)["sid"]);
    assert_ne!(claims_of(&before)["jti"], claims_of(&after)["jti"]);
    gateway.send(at_api(Call::sign_out(&after))).await.expect(200);
    let late = Call::refresh(&token(&second, "refresh_token"));
    gateway.send(at_api(late)).await.problem(401);
}

#[tokio::test]
async fn every_algorithm_verifies_with_the_published_keys() {
    for algorithm in ALGORITHMS {
        let gateway = Fixture::with(&overlay(&format!(", algorithm = \"{algorithm}\""))).await;
        let keys = jwks(&gateway).await;
        let tokens = [site_token(&gateway).await, {
            let body = pair(&gateway).await;
            body["access_token"].as_str().unwrap().to_owned()
        }];
        for token in tokens {
            assert_eq!(header_of(&token)["alg"], algorithm);
            verified(&token, &keys, "apis");
        }
    }
}

#[tokio::test]
async fn a_standard_site_token_is_good_at_user_json() {
    let gateway = Fixture::with(&overlay("")).await;
    let token = site_token(&gateway).await;
    let call = || Call::get(USER_PATH).header("nv-tenant-id", "api");
    gateway.send(call().bearer(&token)).await.expect(200);
    let access = pair(&gateway).await["access_token"].as_str().unwrap().to_owned();
    gateway.send(call().bearer(&access)).await.problem(401);
}

#[tokio::test]
async fn shared_secrets_are_never_published() {
    let gateway = Fixture::with(&overlay("")).await;
    for tenant in ["community", "nagra"] {
        let path = format!("/tenants/{tenant}/.well-known/jwks.json");
        let answer = gateway.send(Call::get(&path)).await;
        assert_eq!((answer.status, answer.text()), (200, r#"{"keys":[]}"#));
    }
    let published = serde_json::to_string(&jwks(&gateway).await).unwrap();
    assert!(!published.contains("\"d\"") && !published.contains("\"k\""));
}

#[tokio::test]
async fn the_keys_are_found_by_header_by_default_and_by_path() {
    let gateway = Fixture::with(&overlay("")).await;
    let by_path = gateway.send(Call::get("/tenants/api/.well-known/jwks.json")).await;
    let call = Call::get("/.well-known/jwks.json");
    let by_header = gateway.send(call.header("nv-tenant-id", "api")).await;
    assert_eq!(by_path.body, by_header.body);
    let by_default = gateway.send(Call::get("/.well-known/jwks.json")).await;
    assert_eq!(by_default.text(), r#"{"keys":[]}"#);
    gateway.send(Call::get("/tenants/nobody/.well-known/jwks.json")).await.problem(404);
    gateway.send(Call::get("/tenants/%2e%2e/.well-known/jwks.json")).await.problem(404);
}

#[tokio::test]
async fn generated_keys_are_kept_in_the_store() {
    let gateway = Fixture::with(&overlay("")).await;
    let token = site_token(&gateway).await;
    gateway.app.reload(&gateway.settings).await.unwrap();
    let call = Call::get(USER_PATH).header("nv-tenant-id", "api").bearer(&token);
    gateway.send(call).await.expect(200);
}
