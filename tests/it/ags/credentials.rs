//! B.4: `signOn` by whatever else the service's validator takes: a token, a one-time token, a cookie's
//! value, and the users of a file.

use super::choice::{choices, subsequent};
use super::password::{body, sign_on};
use crate::sso_fixtures::cheap_hash;
use crate::support::{Answer, Call, Fixture, NOW, claims_of, cookie, payload, signed_jwt};
use aws_lc_rs::hmac;
use cambio::sso::SignedCookiePayload;
use serde_json::{Value, json};

/// Signs the identity provider's tokens.
const IDP_SECRET: &str = "identity-provider-identity-provider-secret";

const OVERLAY: &str = r#"
[validators.idp-tokens]
kind = "jwt"
algorithms = ["HS256"]
issuer = "https://idp.example.com"
audience = "cambio"
secret = "identity-provider-identity-provider-secret"

[validators.file]
kind = "users"
file = "@DIR@/users.json"

[tenants.nagra]
services = [
    { name = "Customer Auth Service", validator = "tickets" },
    { name = "Tokens", validator = "idp-tokens", endpoints = [
        { name = "SIGNON", path = "/signOn", parameters = [{ name = "idToken", mandatory = true }] } ] },
    { name = "Codes", validator = "tickets", endpoints = [
        { name = "GET_SESSION_TOKEN", path = "/getSessionToken" },
        { name = "SIGNON", path = "/signOn", parameters = [{ name = "code", mandatory = true }] } ] },
    { name = "Portal", validator = "portal", endpoints = [
        { name = "SIGNON", path = "/signOn", parameters = [{ name = "cookie", mandatory = true }] } ] },
    { name = "Users", validator = "file" },
]
"#;

async fn gateway() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let user = |name: &str, more: Value| {
        let mut user = json!({"username": name, "password_hash": cheap_hash("pw")});
        user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        user
    };
    let users = json!({"users": [
        user("ada", json!({"accounts": [{"id": "1663", "user_id": "u-ada"}]})),
        user("two", json!({"accounts": [{"id": "1"}, {"id": "2", "user_id": "u-two"}]})),
        user("out", json!({"disabled": true})),
    ]});
    std::fs::write(dir.path().join("users.json"), users.to_string()).unwrap();
    Fixture::in_dir(dir, OVERLAY).await
}

/// A sign-on by one parameter.
async fn signs_on(gateway: &Fixture, service: &str, parameter: &str, value: &str) -> Answer {
    let call = Call::ags("signOn").with("x-auth-service-id", service);
    gateway.send(call.json(&body(&[(parameter, value)]))).await
}

/// The session goes on at its service and ends there.
async fn goes_on(gateway: &Fixture, service: &str, pair: &Value) {
    let text = |pair: &Value, member: &str| pair[member].as_str().unwrap().to_owned();
    let refresh = Call::refresh(&text(pair, "refresh_token")).with("x-auth-service-id", service);
    let next = gateway.send(refresh).await.expect(200);
    gateway.send(Call::devices(&text(&next, "access_token"))).await.expect(200);
    let out = Call::sign_out(&text(&next, "access_token")).with("x-auth-service-id", service);
    gateway.send(out).await.expect(200);
}

fn id_token(subject: &str, exp: i64, secret: &str) -> String {
    let claims =
        json!({"iss": "https://idp.example.com", "aud": "cambio", "sub": subject, "exp": exp});
    signed_jwt(r#"{"alg":"HS256"}"#, &claims.to_string(), secret, hmac::HMAC_SHA256)
}

#[tokio::test]
async fn an_identity_providers_token_signs_on() {
    let gateway = gateway().await;
    let token = id_token("ada", NOW + 600, IDP_SECRET);
    let pair = signs_on(&gateway, "Tokens", "IDTOKEN", &token).await.expect(201);
    assert_eq!(pair["accountId"], "ada");
    let claims = claims_of(pair["access_token"].as_str().unwrap());
    // Nothing outlives the token; the device's class is that of the call.
    assert_eq!(
        (&claims["fixed_exp"], &claims["playoutDeviceClass"]),
        (&json!(NOW + 600), &json!("TV"))
    );
    goes_on(&gateway, "Tokens", &pair).await;
    for bad in [
        // Its clock may be off by half a minute, and no more.
        id_token("ada", NOW - 30, IDP_SECRET),
        id_token("ada", NOW + 600, "another-secret-another-secret-another-secret"),
        "no token".to_owned(),
    ] {
        signs_on(&gateway, "Tokens", "idToken", &bad).await.problem(401);
    }
    signs_on(&gateway, "Tokens", "token", &token).await.problem(400);
}

#[tokio::test]
async fn a_one_time_token_signs_on_once() {
    let gateway = gateway().await;
    let operator = crate::support::operator_token("nagra", "1663");
    let call = Call::get_session_token(&operator).with("x-auth-service-id", "Codes");
    let code = gateway.send(call).await.expect(200)["sessionToken"].as_str().unwrap().to_owned();
    let pair = signs_on(&gateway, "Codes", "code", &code).await.expect(201);
    assert_eq!(pair["accountId"], "1663");
    signs_on(&gateway, "Codes", "code", &code).await.problem(401);
    goes_on(&gateway, "Codes", &pair).await;
    // A token is its service's.
    let foreign = gateway.ticket("1663").await;
    signs_on(&gateway, "Codes", "code", &foreign).await.problem(401);
}

#[tokio::test]
async fn a_cookies_value_signs_on() {
    let gateway = gateway().await;
    let with = |accounts: Value| {
        let accounts = serde_json::from_value(accounts).unwrap();
        cookie(&SignedCookiePayload { accounts, ..payload("ada", &[]) })
    };
    let value = with(json!([{"id": "1663", "user_id": "u-ada"}]));
    let pair = signs_on(&gateway, "Portal", "cookie", &value).await.expect(201);
    assert_eq!(pair["accountId"], "1663");
    goes_on(&gateway, "Portal", &pair).await;
    signs_on(&gateway, "Portal", "cookie", &format!("{value}x")).await.problem(401);

    let several = with(json!([{"id": "1"}, {"id": "2", "user_id": "u-2"}]));
    let choices = choices(&signs_on(&gateway, "Portal", "cookie", &several).await);
    let chosen = subsequent(&choices[1].1).with("x-auth-service-id", "Portal");
    let pair = gateway.send(chosen).await.expect(201);
    assert_eq!(claims_of(pair["access_token"].as_str().unwrap())["userId"], "u-2");
    goes_on(&gateway, "Portal", &pair).await;
}

#[tokio::test]
async fn a_user_of_the_file_signs_on() {
    let gateway = gateway().await;
    let by = |user: &str| sign_on(user).with("x-auth-service-id", "Users");
    let pair = gateway.send(by("ada")).await.expect(201);
    assert_eq!(pair["accountId"], "1663");
    assert_eq!(claims_of(pair["access_token"].as_str().unwrap())["userId"], "u-ada");
    goes_on(&gateway, "Users", &pair).await;

    let choices = choices(&gateway.send(by("two")).await);
    let chosen = subsequent(&choices[1].1).with("x-auth-service-id", "Users");
    let pair = gateway.send(chosen).await.expect(201);
    assert_eq!((&pair["accountId"], choices.len()), (&json!("2"), 2));

    let wrong = by("ada").json(&body(&[("Username", "ada"), ("Password", "no")]));
    let wrong = gateway.send(wrong).await.problem(401)["detail"].clone();
    for user in ["out", "eve"] {
        assert_eq!(gateway.send(by(user)).await.problem(401)["detail"], wrong);
    }
}
