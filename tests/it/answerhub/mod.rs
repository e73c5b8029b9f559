//! The AnswerHub contract (A.1 to A.3), line by line, over the whole service.

mod credentials;
mod tenants;
mod token;
mod user;

use serde_json::Value;

use crate::support::{Call, Fixture, cookie, payload};

pub(crate) const COOKIE_PATH: &str = "/services/v2/auth/cookiesso/token.json";
pub(crate) const TOKEN_PATH: &str = "/services/v2/auth/token.json";
pub(crate) const USER_PATH: &str = "/services/v2/user.json";
pub(crate) const COOKIE: &str = "AnswerHubCookieSSO";

/// `Cookie: AnswerHubCookieSSO=<value>`.
pub(crate) fn cookie_header(value: &str) -> String {
    format!("{COOKIE}={value}")
}

/// The cookie of a user who may use the API.
pub(crate) fn ada() -> String {
    cookie(&payload("ada", &["USE_API"]))
}

/// `POST` to either path with that user's cookie.
pub(crate) fn exchange(path: &str) -> Call {
    Call::post(path).header("cookie", cookie_header(&ada()))
}

/// A token for that user.
pub(crate) async fn token(gateway: &Fixture) -> String {
    let answer: Value = gateway.send(exchange(COOKIE_PATH)).await.expect(200);
    answer["jwt"].as_str().unwrap().to_owned()
}
