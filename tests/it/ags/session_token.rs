//! B.2: the head-end's token in, a session token out.

use crate::support::{
    Call, Fixture, NOW, OPERATOR_SECRET, operator_token, parameters, sign_on_body, signed_jwt,
};
use aws_lc_rs::hmac::{HMAC_SHA256, HMAC_SHA512};
use serde_json::{Value, json};

fn header() -> Value {
    json!({"alg": "HS256", "typ": "JWT", "kid": "head-end-1"})
}

fn claims() -> Value {
    json!({"typ": "GetSessionTokenAuthN", "OpfAccountId": "1663", "OpfTenantId": "nagra",
        "exp": NOW + 60, "aud": "ags"})
}

fn signed(header: &Value, claims: &Value) -> Call {
    let (header, claims) = (header.to_string(), claims.to_string());
    Call::get_session_token(&signed_jwt(&header, &claims, OPERATOR_SECRET, HMAC_SHA256))
}

fn changed(mut value: Value, member: &str, to: Value) -> Value {
    value[member] = to;
    value
}

#[tokio::test]
async fn the_session_token_is_opaque_lower_case_and_fresh() {
    let gateway = Fixture::new().await;
    let body = gateway.send(signed(&header(), &claims())).await.expect(200);
    assert_eq!(body.as_object().unwrap().len(), 1);
    let token = body["sessionToken"].as_str().unwrap();
    // 26 characters of 36 are more than 128 bits.
    assert!(token.len() >= 26, "{}", token.len());
    assert!(token.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    assert_ne!(token, gateway.ticket("1663").await);
}

#[tokio::test]
async fn a_missing_parameter_is_malformed() {
    let gateway = Fixture::new().await;
    gateway.send(Call::ags("getSessionToken").json(&parameters(&[]))).await.problem(400);
}

#[tokio::test]
async fn an_operator_token_that_proves_nothing_is_401() {
    let gateway = Fixture::new().await;
    for (what, header, claims) in [
        ("another algorithm", changed(header(), "alg", json!("HS512")), claims()),
        ("none", changed(header(), "alg", json!("none")), claims()),
        ("asymmetric", changed(header(), "alg", json!("RS256")), claims()),
        ("unknown key", changed(header(), "kid", json!("head-end-2")), claims()),
        ("path", changed(header(), "kid", json!("../../dev/null")), claims()),
        ("sql", changed(header(), "kid", json!("' OR 1=1 --")), claims()),
        ("jku", changed(header(), "jku", json!("https://evil.example/jwks")), claims()),
        ("x5u", changed(header(), "x5u", json!("https://evil.example/x5u")), claims()),
        ("jwk", changed(header(), "jwk", json!({"kty": "oct", "k": "AAAA"})), claims()),
        ("typ", header(), changed(claims(), "typ", json!("DevAuthN"))),
        ("aud", header(), changed(claims(), "aud", json!("other"))),
        ("expired", header(), changed(claims(), "exp", json!(NOW - 60))),
        ("float", header(), changed(claims(), "exp", json!(NOW as f64 + 60.5))),
        ("string", header(), changed(claims(), "exp", json!((NOW + 60).to_string()))),
        ("negative", header(), changed(claims(), "exp", json!(-1))),
        ("no expiry", header(), changed(claims(), "exp", Value::Null)),
    ] {
        let answer = gateway.send(signed(&header, &claims)).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text());
        answer.problem(401);
    }
    let forged = signed_jwt(&header().to_string(), &claims().to_string(), "other", HMAC_SHA512);
    for token in ["x", "x.y.z", &forged] {
        gateway.send(Call::get_session_token(token)).await.problem(401);
    }
}

#[tokio::test]
async fn an_operator_of_another_tenant_is_forbidden() {
    let gateway = Fixture::new().await;
    let problem = gateway.send(Call::get_session_token(&operator_token("rival", "1663"))).await;
    assert!(problem.problem(403)["code"].is_null());
}

#[tokio::test]
async fn a_session_token_is_good_once() {
    let gateway = Fixture::new().await;
    let ticket = gateway.ticket("1663").await;
    gateway.send(Call::sign_on(&ticket)).await.expect(201);
    gateway.send(Call::sign_on(&ticket)).await.problem(401);
}

#[tokio::test]
async fn a_session_token_expires() {
    let gateway = Fixture::new().await;
    let (used, late) = (gateway.ticket("1663").await, gateway.ticket("1663").await);
    gateway.advance(299);
    gateway.send(Call::sign_on(&used)).await.expect(201);
    gateway.advance(1);
    gateway.send(Call::sign_on(&late)).await.problem(401);
}

#[tokio::test]
async fn a_session_token_is_bound_to_its_tenant_and_service() {
    let gateway = Fixture::new().await;
    let ticket = gateway.ticket("1663").await;
    gateway.send(Call::sign_on(&ticket).with("nv-tenant-id", "rival")).await.problem(401);
    let other = Call::sign_on(&ticket).with("x-auth-service-id", "Other Tickets");
    gateway.send(other).await.problem(401);
    gateway.send(Call::sign_on(&ticket)).await.expect(201);
}

#[tokio::test]
async fn only_a_digest_of_it_reaches_the_disk() {
    let gateway = Fixture::on_sqlite().await;
    let ticket = gateway.ticket("1663").await;
    let pair = gateway.send(Call::ags("signOnWithSessionToken").json(&sign_on_body(&ticket))).await;
    let pair = pair.expect(201);
    let signatures = ["access_token", "refresh_token"]
        .map(|token| pair[token].as_str().unwrap().rsplit('.').next().unwrap().to_owned());
    for file in std::fs::read_dir(gateway.dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for secret in [&ticket, &signatures[0], &signatures[1]] {
            let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
            assert!(!found, "a credential is stored");
        }
    }
}
