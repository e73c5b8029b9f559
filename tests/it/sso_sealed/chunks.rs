//! A cookie in chunks, over the whole service: joined, or 400.

use serde_json::{Value, json};

use super::mint::authjs_5;
use crate::answerhub::COOKIE_PATH;
use crate::support::{Call, Fixture, NOW, claims_of};

const SECRET: &str = "a secret for these tests";
const NAME: &str = "authjs.session-token";

async fn gateway() -> Fixture {
    let overlay = format!(
        r#"
        validators.shop = {{ kind = "authjs", secret = ["{SECRET}"], cookie = "{NAME}" }}
        [tenants.shop]
        services = [{{ name = "Shop", validator = "shop", cookie = "{NAME}" }}]
        answerhub.cookie_service = "Shop"
        answerhub.tokens.issuer = "https://shop.example.com"
        "#
    );
    Fixture::with(&overlay).await
}

/// A session that is too large for one cookie, in chunks of what Auth.js puts into each.
fn chunks() -> Vec<String> {
    let header = json!({"alg": "dir", "enc": "A256CBC-HS512"});
    let claims = json!({"sub": "ann", "exp": NOW + 60, "picture": "x".repeat(9_000)});
    let value = authjs_5(SECRET, NAME, &header, &claims);
    let chunk =
        |(i, part): (usize, &[u8])| format!("{NAME}.{i}={}", std::str::from_utf8(part).unwrap());
    value.as_bytes().chunks(3936).enumerate().map(chunk).collect()
}

fn call(cookies: &[String]) -> Call {
    Call::post(COOKIE_PATH).header("nv-tenant-id", "shop").header("cookie", cookies.join("; "))
}

#[tokio::test]
async fn a_chunked_cookie_is_exchanged_in_any_order() {
    let gateway = gateway().await;
    let mut chunks = chunks();
    assert!(chunks.len() > 2);
    for _ in 0..chunks.len() {
        chunks.rotate_left(1);
        let answer: Value = gateway.send(call(&chunks)).await.expect(200);
        assert_eq!(claims_of(answer["jwt"].as_str().unwrap())["sub"], "ann");
    }
}

#[tokio::test]
async fn a_chunked_cookie_that_is_not_whole_is_malformed() {
    let gateway = gateway().await;
    let whole = chunks();
    let gap = [&whole[..1], &whole[2..]].concat();
    let headless = whole[1..].to_vec();
    let doubled = [&whole[..], &whole[..1]].concat();
    let too_many: Vec<_> = (0..17).map(|i| format!("{NAME}.{i}=x")).collect();
    let too_long: Vec<_> = (0..9).map(|i| format!("{NAME}.{i}={}", "x".repeat(4_000))).collect();
    for cookies in [gap, headless, doubled, too_many, too_long] {
        gateway.send(call(&cookies)).await.problem(400);
    }
}

#[tokio::test]
async fn a_cookie_without_its_last_chunk_is_not_a_session() {
    let gateway = gateway().await;
    let mut cut = chunks();
    cut.pop();
    let answer = gateway.send(call(&cut)).await;
    answer.problem(400);
}
