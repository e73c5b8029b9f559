//! Cookies: none, doubled, oversized, not UTF-8, percent-broken, split.

use super::{Case, refused};
use crate::answerhub::{COOKIE, COOKIE_PATH, TOKEN_PATH, ada, cookie_header};
use crate::support::{Call, Fixture, cookie, payload};

#[tokio::test]
async fn ill_formed_cookies_are_malformed() {
    let gateway = Fixture::new().await;
    let ada = ada();
    let eve = cookie(&payload("eve", &[]));
    let pair = |value: &str| cookie_header(value).into_bytes();
    for path in [COOKIE_PATH, TOKEN_PATH] {
        let call = |line: Vec<u8>| Call::post(path).header("cookie", line);
        let cases: Vec<Case> = vec![
            ("none", Call::post(path), 400),
            ("an empty line", call(Vec::new()), 400),
            ("others only", call(b"a=1; b=2".to_vec()), 400),
            ("another case", call(format!("answerhubcookiesso={ada}").into_bytes()), 400),
            ("no value", call(pair("")), 400),
            ("no equals sign", call(COOKIE.into()), 400),
            ("doubled", call(format!("{0}={ada}; {0}={eve}", COOKIE).into_bytes()), 400),
            ("oversized", call(pair(&"x".repeat(20_000))), 400),
            ("just too long", call(pair(&format!("v1.{}", "x".repeat(4_100)))), 400),
            ("not utf-8", call([pair(&ada), vec![0xff]].concat()), 400),
            ("not utf-8 elsewhere", call([b"x=\xff; ".to_vec(), pair(&ada)].concat()), 400),
            ("percent-broken", call(pair(&ada.replacen("v1.", "v1%.", 1))), 400),
            ("percent-encoded", call(pair(&ada.replace('.', "%2E"))), 400),
            ("quotes inside", call(pair(&ada.replacen('.', "\".\"", 1))), 400),
            ("split and contradictory", call(pair(&ada)).header("cookie", pair(&eve)), 400),
            ("forged", call(pair(&format!("{}A", &ada[..ada.len() - 1]))), 401),
        ];
        refused(&gateway, cases, &[&ada, &eve]).await;
    }
}

#[tokio::test]
async fn the_same_cookie_twice_is_one_cookie() {
    let gateway = Fixture::new().await;
    let line = cookie_header(&ada());
    let doubled = Call::post(TOKEN_PATH).header("cookie", format!("{line}; {line}"));
    gateway.send(doubled).await.expect(200);
    let split = Call::post(TOKEN_PATH).header("cookie", &line).header("cookie", &line);
    gateway.send(split).await.expect(200);
}

#[tokio::test]
async fn the_plain_header_is_held_to_the_same_rules() {
    let gateway = Fixture::new().await;
    let ada = ada();
    let call = |value: &[u8]| Call::post(COOKIE_PATH).header(COOKIE, value);
    let cases: Vec<Case> = vec![
        ("empty", call(b""), 400),
        ("oversized", call(&[b'x'; 20_000]), 400),
        ("not utf-8", call(b"v1.\xff.x"), 400),
        ("a tab", call(b"v1.\t.x"), 400),
        ("doubled", call(ada.as_bytes()).header(COOKIE, "v1.x.y"), 400),
    ];
    refused(&gateway, cases, &[&ada]).await;
}
