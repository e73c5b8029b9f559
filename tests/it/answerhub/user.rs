//! A.3: using the token.

use super::{COOKIE_PATH, USER_PATH, cookie_header, token};
use crate::support::{Call, Fixture, cookie, payload};

fn user(token: &str) -> Call {
    Call::get(USER_PATH).bearer(token)
}

#[tokio::test]
async fn the_user_comes_in_the_vendors_list_envelope() {
    let gateway = Fixture::new().await;
    let body = gateway.send(user(&token(&gateway).await)).await.expect(200);
    let members: Vec<_> = body.as_object().unwrap().keys().collect();
    let envelope =
        ["name", "sort", "page", "pageSize", "pageCount", "listCount", "totalCount", "list"];
    assert_eq!(members, envelope);
    assert_eq!(body["name"], "");
    let numbers = ["page", "pageSize", "pageCount", "listCount", "totalCount"];
    assert_eq!(numbers.map(|n| body[n].as_u64().unwrap()), [1, 35, 1, 1, 1]);
    let listed = body["list"].as_array().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["username"], "ada");
    assert_eq!(listed[0]["roles"], serde_json::json!(["USE_API"]));
    assert!(uuid::Uuid::parse_str(listed[0]["id"].as_str().unwrap()).is_ok());
}

#[tokio::test]
async fn a_user_without_use_api_gets_a_token_that_is_401_on_use() {
    let gateway = Fixture::new().await;
    let value = cookie(&payload("bob", &["READ"]));
    let call = Call::post(COOKIE_PATH).header("cookie", cookie_header(&value));
    let body = gateway.send(call).await.expect(200);
    gateway.send(user(body["jwt"].as_str().unwrap())).await.problem(401);
}

#[tokio::test]
async fn a_missing_expired_or_senseless_token_is_401() {
    let gateway = Fixture::new().await;
    let token = token(&gateway).await;
    gateway.send(Call::get(USER_PATH)).await.problem(401);
    gateway.send(Call::get(USER_PATH).header("authorization", &token)).await.problem(401);
    gateway.send(Call::get(USER_PATH).header("authorization", "Basic eDp5")).await.problem(401);
    gateway.send(user("x.y.z")).await.problem(401);
    gateway.advance(21599);
    gateway.send(user(&token)).await.expect(200);
    gateway.advance(1);
    gateway.send(user(&token)).await.problem(401);
}

#[tokio::test]
async fn the_scheme_is_read_in_any_case() {
    let gateway = Fixture::new().await;
    let token = token(&gateway).await;
    let call = Call::get(USER_PATH).header("authorization", format!("bEARER {token}"));
    gateway.send(call).await.expect(200);
}

#[tokio::test]
async fn the_tokens_of_an_ags_session_are_no_site_tokens() {
    let gateway = Fixture::new().await;
    let pair = gateway.signed_on("1663").await;
    for token in ["access_token", "refresh_token"] {
        gateway.send(user(pair[token].as_str().unwrap())).await.problem(401);
    }
}
