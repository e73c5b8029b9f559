//! Bodies of a sign-on: empty, not JSON, the wrong shape, deeply nested, too large, cut off.

use super::{Case, refused, refused_unburnt};
use crate::support::{Call, Fixture, HASTY, sign_on_body};
use axum::body::Body;
use serde_json::{Value, json};

fn text(body: impl Into<Body>) -> Call {
    Call::ags("signOnWithSessionToken").header("content-type", "application/json").body(body)
}

fn shaped(body: &Value) -> Call {
    text(body.to_string())
}

#[tokio::test]
async fn what_is_no_json_is_malformed() {
    let gateway = Fixture::new().await;
    let ticket = gateway.ticket("1663").await;
    let good = sign_on_body(&ticket).to_string();
    let cases: Vec<Case> = vec![
        ("empty", text(""), 400),
        ("blank", text("  \n"), 400),
        ("truncated", text(good[..good.len() - 1].to_owned()), 400),
        ("something behind it", text(format!("{good}{good}")), 400),
        ("form data", text(format!("sessionToken={ticket}")), 400),
        ("not utf-8", text([good.as_bytes(), b"\xff"].concat()), 400),
        ("a byte order mark", text(format!("\u{feff}{good}")), 400),
        ("utf-16", text(good.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()), 400),
        ("a lone surrogate", text(good.replacen("STB", "\\ud800", 1)), 400),
        ("a control character", text(good.replacen("STB", "\u{1}", 1)), 400),
        ("a comment", text(format!("/* */{good}")), 400),
        ("not a number", text(good.replacen("\"STB\"", "NaN", 1)), 400),
        ("another content type", text(good.clone()).with("content-type", "text/plain"), 400),
    ];
    refused_unburnt(&gateway, cases, &ticket).await;
}

#[tokio::test]
async fn the_wrong_shape_is_malformed() {
    let gateway = Fixture::new().await;
    let ticket = gateway.ticket("1663").await;
    let good = sign_on_body(&ticket);
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        shaped(&body)
    };
    let named =
        |name: Value, value: Value| with("parameters", json!([{"name": name, "value": value}]));
    let pair = json!({"name": "sessionToken", "value": ticket});
    let cases: Vec<Case> = vec![
        ("null", text("null"), 400),
        ("a text", shaped(&json!(ticket)), 400),
        ("an array", shaped(&json!([[pair], {}])), 400),
        ("an array in the members' order", shaped(&json!([[pair], {}, null])), 400),
        ("no parameters", shaped(&json!({"deviceInformation": {}})), 400),
        ("parameters null", with("parameters", Value::Null), 400),
        ("parameters an object", with("parameters", json!({"sessionToken": ticket})), 400),
        ("a parameter that is a text", with("parameters", json!([ticket])), 400),
        (
            "a parameter that is an array",
            with("parameters", json!([["sessionToken", ticket]])),
            400,
        ),
        ("a parameter without value", with("parameters", json!([{"name": "sessionToken"}])), 400),
        ("a name that is a number", named(json!(1), json!(ticket)), 400),
        ("a value that is a number", named(json!("sessionToken"), json!(1)), 400),
        ("a value that is null", named(json!("sessionToken"), Value::Null), 400),
        ("an empty value", named(json!("sessionToken"), json!("")), 400),
        ("another parameter only", named(json!("token"), json!(ticket)), 400),
        ("mandatory twice", with("parameters", json!([pair, pair])), 400),
        (
            "mandatory twice in another case",
            with("parameters", json!([pair, {"name": "SESSIONTOKEN", "value": "x"}])),
            400,
        ),
        (
            "too many",
            with("parameters", json!(vec![json!({"name": "x", "value": "y"}); 1000])),
            400,
        ),
        ("a doubled member", text(good.to_string().replacen('{', "{\"parameters\":[],", 1)), 400),
        ("clientId a number", shaped(&json!({"parameters": [pair], "clientId": 1})), 400),
        ("clientId empty", shaped(&json!({"parameters": [pair], "clientId": ""})), 400),
        (
            "clientId over-long",
            shaped(&json!({"parameters": [pair], "clientId": "x".repeat(129)})),
            400,
        ),
        ("clientId not ascii", shaped(&json!({"parameters": [pair], "clientId": "PUB_é"})), 400),
        ("both devices", with("clientId", json!("PUB_1")), 400),
        ("neither device", shaped(&json!({"parameters": [pair]})), 400),
        ("a text for the device", with("deviceInformation", json!("STB")), 400),
    ];
    refused_unburnt(&gateway, cases, &ticket).await;
}

#[tokio::test]
async fn deep_nesting_is_refused_not_followed() {
    let gateway = Fixture::new().await;
    let ticket = gateway.ticket("1663").await;
    let good = sign_on_body(&ticket).to_string();
    let deep = |open: &str, close: &str| {
        let nested = format!("{}1{}", open.repeat(5_000), close.repeat(5_000));
        good.replacen("\"STB\"", &nested, 1)
    };
    let cases: Vec<Case> = vec![
        ("arrays", text(deep("[", "]")), 400),
        ("objects", text(deep("{\"a\":", "}")), 400),
        ("never closed", text("[".repeat(60_000)), 400),
    ];
    refused_unburnt(&gateway, cases, &ticket).await;
}

#[tokio::test]
async fn large_and_broken_off_bodies_are_refused() {
    let gateway = Fixture::new().await;
    let ticket = gateway.ticket("1663").await;
    let padded = |n: usize| format!("{}{}", sign_on_body(&ticket), " ".repeat(n));
    let stream = |parts: Vec<Result<String, std::io::Error>>| {
        text(Body::from_stream(futures_util::stream::iter(parts)))
    };
    let broken = || Err(std::io::Error::other("connection reset"));
    let cases: Vec<Case> = vec![
        ("too large, announced", text(padded(70_000)), 413),
        ("too large, streamed", stream(vec![Ok(padded(40_000)), Ok(" ".repeat(40_000))]), 413),
        ("broken off", stream(vec![Ok(padded(0)), broken()]), 400),
        ("never begun", stream(vec![broken()]), 400),
    ];
    refused_unburnt(&gateway, cases, &ticket).await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up_on() {
    let gateway = Fixture::with(HASTY).await;
    let never = futures_util::stream::pending::<Result<String, std::io::Error>>();
    refused(&gateway, vec![("slow", text(Body::from_stream(never)), 408)], &[]).await;
}
