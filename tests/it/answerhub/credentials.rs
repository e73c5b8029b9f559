//! A.1: where the credential may stand, which one counts, and what each failure answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{COOKIE, COOKIE_PATH, TOKEN_PATH, ada, cookie_header, exchange};
use crate::support::{Answer, Call, Fixture, HASTY, NOW, claims_of, cookie, payload};
use cambio::domain::Timestamp;

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

/// Whom the answered token is for.
fn subject(answer: &Answer) -> String {
    let body = answer.expect(200);
    claims_of(body["jwt"].as_str().unwrap())["sub"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn both_paths_take_the_cookie() {
    let gateway = Fixture::new().await;
    for path in [COOKIE_PATH, TOKEN_PATH] {
        assert_eq!(subject(&gateway.send(exchange(path)).await), "ada", "{path}");
    }
}

#[tokio::test]
async fn the_cookie_path_takes_a_header_of_the_cookies_name() {
    let gateway = Fixture::new().await;
    let answer = gateway.send(Call::post(COOKIE_PATH).header(COOKIE, ada())).await;
    assert_eq!(subject(&answer), "ada");
    let elsewhere = Call::post(TOKEN_PATH).header(COOKIE, ada());
    gateway.send(elsewhere).await.problem(400);
}

#[tokio::test]
async fn cookie_and_header_must_agree() {
    let gateway = Fixture::new().await;
    let same = exchange(COOKIE_PATH).header(COOKIE, ada());
    assert_eq!(subject(&gateway.send(same).await), "ada");
    let other = exchange(COOKIE_PATH).header(COOKIE, cookie(&payload("eve", &[])));
    gateway.send(other).await.problem(400);
}

#[tokio::test]
async fn a_cookie_is_found_among_others_and_in_split_headers() {
    let gateway = Fixture::new().await;
    let among = Call::post(TOKEN_PATH)
        .header("cookie", format!("theme=dark; {}; broken; x=%ZZ", cookie_header(&ada())));
    assert_eq!(subject(&gateway.send(among).await), "ada");
    let split = Call::post(TOKEN_PATH)
        .header("cookie", "theme=dark")
        .header("cookie", cookie_header(&ada()))
        .header("cookie", "x=1");
    assert_eq!(subject(&gateway.send(split).await), "ada");
}

#[tokio::test]
async fn basic_wins_over_the_cookie_where_it_is_taken() {
    let gateway = Fixture::new().await;
    let eve = cookie_header(&cookie(&payload("eve", &[])));
    let both = |path| {
        Call::post(path).header("authorization", basic("ada:lovelace")).header("cookie", &eve)
    };
    assert_eq!(subject(&gateway.send(both(TOKEN_PATH)).await), "ada");
    assert_eq!(subject(&gateway.send(both(COOKIE_PATH)).await), "eve");
}

#[tokio::test]
async fn another_scheme_leaves_the_cookie_to_decide() {
    let gateway = Fixture::new().await;
    let call = exchange(TOKEN_PATH).header("authorization", "Bearer x.y.z");
    assert_eq!(subject(&gateway.send(call).await), "ada");
}

#[tokio::test]
async fn basic_that_is_not_usable_is_malformed_and_a_wrong_password_proves_nobody() {
    let gateway = Fixture::new().await;
    let usable = |value: &str| Call::post(TOKEN_PATH).header("authorization", value);
    for value in
        ["Basic", "Basic !!!", &basic("ada"), &basic(":x"), &basic("ada:"), &basic("a\n:x")]
    {
        gateway.send(usable(value)).await.problem(400);
    }
    gateway.send(usable(&basic("ada:wrong"))).await.problem(401);
    gateway.send(usable(&basic("nobody:x"))).await.problem(401);
    gateway.send(usable(&basic("down:x"))).await.problem(503);
}

#[tokio::test]
async fn no_or_an_ill_formed_cookie_is_malformed() {
    let gateway = Fixture::new().await;
    for (path, told) in [
        (COOKIE_PATH, "cookie AnswerHubCookieSSO is missing"),
        (TOKEN_PATH, "cookie AnswerHubCookieSSO is missing and so are a user name and a password"),
    ] {
        assert_eq!(gateway.send(Call::post(path)).await.problem(400)["detail"], told);
        for value in ["", "junk", "v1.%ZZ.x", "%ZZ", "v2.a.b"] {
            let call = Call::post(path).header("cookie", cookie_header(value));
            gateway.send(call).await.problem(400);
        }
    }
}

#[tokio::test]
async fn a_well_formed_cookie_that_proves_nobody_is_401() {
    let gateway = Fixture::new().await;
    let mut forged = ada().into_bytes();
    let last = forged.len() - 2;
    forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
    let mut over = payload("ada", &[]);
    over.exp = Timestamp::from_secs(NOW);
    for value in [String::from_utf8(forged).unwrap(), cookie(&over)] {
        let call = Call::post(COOKIE_PATH).header("cookie", cookie_header(&value));
        gateway.send(call).await.problem(401);
    }
}

/// A call with a cookie that the scripted portal decides.
fn ask(value: &str) -> Call {
    Call::post(COOKIE_PATH)
        .header("x-auth-service-id", "Scripted Portal")
        .header("cookie", cookie_header(value))
}

#[tokio::test]
async fn a_validator_that_hangs_is_given_up_on() {
    let gateway = Fixture::with(HASTY).await;
    gateway.send(ask("idp-hangs")).await.problem(503);
}

#[tokio::test]
async fn an_outage_is_not_a_logout() {
    let gateway = Fixture::new().await;
    for (credential, status) in
        [("idp-down", 503), ("idp-nonsense", 502), ("idp-rejected", 401), ("idp-malformed", 400)]
    {
        gateway.send(ask(credential)).await.problem(status);
    }
    let busy = gateway.send(ask("idp-busy")).await;
    assert_eq!(busy.header("retry-after"), Some("17"), "the upstream's own hint");
}
