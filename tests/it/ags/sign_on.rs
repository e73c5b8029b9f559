//! B.3 and B.7: a session token in, an access and a refresh token out.

use crate::support::{Call, Fixture, HASTY, NOW, claims_of, header_of, parameters, sign_on_body};
use serde_json::{Value, json};

fn names(claims: &Value) -> Vec<&str> {
    claims.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn the_access_token_is_the_vendors() {
    let gateway = Fixture::new().await;
    let body = gateway.signed_on("1663").await;
    let token = body["access_token"].as_str().unwrap();
    let header = header_of(token);
    assert_eq!(header.to_string(), r#"{"kid":"259629","alg":"HS256","typ":"JWT"}"#);
    let claims = claims_of(token);
    let order = [
        "accountProfileId",
        "tenantId",
        "filteringInformation",
        "blockingInformation",
        "accountId",
        "userId",
        "ver",
        "geoBlockExempt",
        "parentalControl",
        "typ",
        "jti",
        "playoutDeviceClass",
        "deviceId",
        "exp",
        "fixed_exp",
        "onNetwork",
        "sessionControl",
        "billingCountryCode",
    ];
    assert_eq!(names(&claims), order);
    assert_eq!(claims["typ"], "DevAuthN");
    assert_eq!(claims["tenantId"], "nagra");
    assert_eq!(claims["deviceId"], body["client_id"]);
    assert_eq!(
        (&claims["exp"], &claims["fixed_exp"]),
        (&json!(NOW + 3600), &json!(NOW + 2_592_000))
    );
    assert_eq!(claims["sessionControl"], json!({"maxSessions": 3, "sessionControlEnabled": true}));
    assert!(claims["jti"].as_str().unwrap().bytes().all(|b| b.is_ascii_digit()));
}

#[tokio::test]
async fn the_refresh_token_is_the_vendors_and_shares_the_pairs_id() {
    let gateway = Fixture::new().await;
    let body = gateway.signed_on("1663").await;
    let claims = claims_of(body["refresh_token"].as_str().unwrap());
    let order = [
        "ver",
        "tenantId",
        "sessionControl",
        "accountProfileId",
        "deviceId",
        "fixed_exp",
        "exp",
        "accountId",
        "jti",
        "userId",
        "typ",
    ];
    assert_eq!(names(&claims), order);
    assert_eq!(claims["typ"], "RefreshAuthN");
    assert_eq!(claims["exp"], NOW + 172_800);
    assert_eq!(claims["jti"], claims_of(body["access_token"].as_str().unwrap())["jti"]);
}

#[tokio::test]
async fn what_is_known_of_the_device_shows_in_the_token() {
    let gateway = Fixture::new().await;
    let mut body = sign_on_body(&gateway.ticket("1663").await);
    body["deviceInformation"]["playoutDeviceClass"] = json!("Big Screen");
    let pair = gateway.send(Call::ags("signOnWithSessionToken").json(&body)).await.expect(201);
    let claims = claims_of(pair["access_token"].as_str().unwrap());
    assert_eq!(claims["playoutDeviceClass"], "Big Screen");
}

#[tokio::test]
async fn both_or_neither_way_to_name_the_device_is_malformed_and_burns_nothing() {
    let gateway = Fixture::new().await;
    let ticket = gateway.ticket("1663").await;
    let neither = parameters(&[("sessionToken", &ticket)]);
    let mut both = sign_on_body(&ticket);
    both["clientId"] = json!("PUB_1");
    for body in [neither, both] {
        gateway.send(Call::ags("signOnWithSessionToken").json(&body)).await.problem(400);
    }
    gateway.send(Call::sign_on(&ticket)).await.expect(201);
}

#[tokio::test]
async fn device_information_is_an_object_of_bounded_size() {
    let gateway = Fixture::new().await;
    let ticket = gateway.ticket("1663").await;
    let large = json!({"deviceType": "x".repeat(5000)});
    let odd = json!({"playoutDeviceClass": 7});
    for information in [json!([]), json!("x"), json!(1), json!(true), large, odd] {
        let mut body = sign_on_body(&ticket);
        body["deviceInformation"] = information;
        gateway.send(Call::ags("signOnWithSessionToken").json(&body)).await.problem(400);
    }
    let mut body = sign_on_body(&ticket);
    body["deviceInformation"] = json!({"unknown": "x".repeat(5000), "device": {"OS": "a"}});
    gateway.send(Call::ags("signOnWithSessionToken").json(&body)).await.expect(201);
}

#[tokio::test]
async fn the_services_validator_decides_not_only_cambios_own_tickets() {
    let gateway = Fixture::new().await;
    let body = gateway.send(Call::idp_sign_on("idp-ada")).await.expect(201);
    assert_eq!(body["accountId"], "1663");
    gateway.send(Call::idp_sign_on("idp-ada")).await.expect(201);
    gateway.send(Call::idp_sign_on("nobody")).await.problem(401);
}

#[tokio::test]
async fn one_answer_for_every_credential_that_proves_nobody() {
    let gateway = Fixture::new().await;
    let unknown =
        gateway.send(Call::sign_on("unknown0unknown0unknown0unknown0")).await.problem(401);
    for call in [
        Call::sign_on("x"),
        Call::sign_on("käse"),
        Call::idp_sign_on("idp-rejected"),
        Call::idp_sign_on("idp-malformed"),
    ] {
        let problem = gateway.send(call).await.problem(401);
        assert_eq!(problem["detail"], unknown["detail"]);
    }
}

#[tokio::test]
async fn a_validator_that_cannot_find_out_is_503_and_one_that_speaks_nonsense_502() {
    let gateway = Fixture::new().await;
    for (credential, status) in [("idp-down", 503), ("idp-nonsense", 502)] {
        gateway.send(Call::idp_sign_on(credential)).await.problem(status);
    }
    let busy = gateway.send(Call::idp_sign_on("idp-busy")).await;
    assert_eq!(busy.header("retry-after"), Some("17"));
}

#[tokio::test]
async fn a_validator_that_hangs_is_given_up_on() {
    let gateway = Fixture::with(HASTY).await;
    gateway.send(Call::idp_sign_on("idp-hangs")).await.problem(503);
}

#[tokio::test]
async fn nothing_outlives_the_sso_session() {
    let gateway = Fixture::new().await;
    let body = gateway.send(Call::idp_sign_on("idp-short")).await.expect(201);
    for member in ["expires_in", "refresh_expires_in", "fixed_refresh_expires_in"] {
        assert_eq!(body[member], 600, "{member}");
    }
    let claims = claims_of(body["refresh_token"].as_str().unwrap());
    assert_eq!((&claims["exp"], &claims["fixed_exp"]), (&json!(NOW + 600), &json!(NOW + 600)));
    gateway.advance(600);
    gateway.send(Call::idp_sign_on("idp-short")).await.problem(401);
    let late = Call::refresh(body["refresh_token"].as_str().unwrap());
    gateway.send(late.with("x-auth-service-id", "IdP")).await.problem(401);
}

#[tokio::test]
async fn a_credential_of_several_accounts_is_refused_without_a_vendors_number() {
    let gateway = Fixture::new().await;
    let problem = gateway.send(Call::idp_sign_on("idp-two")).await.problem(403);
    assert!(problem["code"].is_null());
}
