//! A.1 and A.2: the answer and its token.

use super::{COOKIE_PATH, TOKEN_PATH, ada, cookie_header, exchange};
use crate::support::{Call, Fixture, NOW, claims_of, cookie, payload};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cambio::domain::Timestamp;
use serde_json::json;

#[tokio::test]
async fn the_answer_is_the_superset_with_one_token_in_it() {
    let gateway = Fixture::new().await;
    let body = gateway.send(exchange(TOKEN_PATH)).await.expect(200);
    let members: Vec<_> = body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["jwt", "idToken", "expiresIn"]);
    assert_eq!(body["jwt"], body["idToken"]);
    assert_eq!(body["expiresIn"], 21600);
}

#[tokio::test]
async fn the_header_is_exactly_the_vendors() {
    let gateway = Fixture::new().await;
    let token = super::token(&gateway).await;
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    assert_eq!(header, br#"{"alg":"HS512"}"#);
}

#[tokio::test]
async fn the_claims_are_the_vendors_in_their_order_then_the_roles() {
    let gateway = Fixture::new().await;
    let claims = claims_of(&super::token(&gateway).await);
    let names: Vec<_> = claims.as_object().unwrap().keys().collect();
    assert_eq!(names, ["sub", "user", "iat", "iss", "aud", "jti", "exp", "roles"]);
    assert_eq!(claims["sub"], "ada");
    assert_eq!(claims["iss"], "https://community.example.com");
    assert_eq!(claims["aud"], claims["iss"]);
    assert_eq!(claims["iat"], NOW);
    assert_eq!(claims["exp"], NOW + 21600);
    assert_eq!(claims["roles"], json!(["USE_API"]));
    let user = STANDARD.decode(claims["user"].as_str().unwrap()).unwrap();
    assert!(uuid::Uuid::try_parse_ascii(&user).is_ok());
    assert!(uuid::Uuid::parse_str(claims["jti"].as_str().unwrap()).is_ok());
}

#[tokio::test]
async fn the_token_ends_with_the_sso_session() {
    let gateway = Fixture::new().await;
    let mut short = payload("ada", &["USE_API"]);
    short.exp = Timestamp::from_secs(NOW + 60);
    let call = Call::post(COOKIE_PATH).header("cookie", cookie_header(&cookie(&short)));
    let body = gateway.send(call).await.expect(200);
    assert_eq!(body["expiresIn"], 60);
    assert_eq!(claims_of(body["jwt"].as_str().unwrap())["exp"], NOW + 60);
}

#[tokio::test]
async fn any_body_is_ignored_with_or_without_a_content_type() {
    let gateway = Fixture::new().await;
    for body in ["", "{}", "not json", "{\"jwt\":", "\0\0\0"] {
        let plain = exchange(TOKEN_PATH).body(body);
        gateway.send(plain).await.expect(200);
        let json = exchange(TOKEN_PATH).header("content-type", "application/json").body(body);
        gateway.send(json).await.expect(200);
    }
}

#[tokio::test]
async fn the_body_is_bounded() {
    let gateway = Fixture::new().await;
    let limit = gateway.settings.server.limits.max_body;
    gateway.send(exchange(TOKEN_PATH).body("x".repeat(limit))).await.expect(200);
    gateway.send(exchange(TOKEN_PATH).body("x".repeat(limit + 1))).await.problem(413);
}

#[tokio::test]
async fn the_seeds_curl_works_as_it_stands() {
    let gateway = Fixture::new().await;
    let call = Call::post("/services/v2/auth/token.json")
        .header("cookie", cookie_header(&ada()))
        .header("accept", "application/json")
        .header("content-type", "application/json")
        .header("host", "hostname");
    gateway.send(call).await.expect(200);
}
