//! What a user does at a real SSO system: fills in its own log-in form, keeps the cookie that it
//! sets, logs out. Follows no redirect, so that a test sees where it was sent.

use reqwest::header::{LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response};

use super::DEADLINE;
use crate::support::{Answer, Call, Fixture};

/// A client with connections of its own.
pub(crate) fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().redirect(Policy::none());
    builder.timeout(DEADLINE).build().unwrap()
}

pub(crate) async fn send(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}

/// The value of the cookie that an answer sets.
pub(crate) fn cookie_of(answer: &Response, name: &str) -> String {
    let lines = answer.headers().get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap());
    let mut value =
        lines.filter_map(|line| line.split(';').next()?.strip_prefix(name)?.strip_prefix('='));
    value.next_back().unwrap_or_else(|| panic!("no cookie {name}: {answer:?}")).to_owned()
}

/// Where an answer sends the browser.
pub(crate) fn location_of(answer: &Response) -> Option<&str> {
    answer.headers().get(LOCATION).map(|to| to.to_str().unwrap())
}

/// Exchanges what a header line says for a token at the gateway.
pub(crate) async fn exchange(gateway: &Fixture, header: &str, value: &str) -> Answer {
    let call = Call::post("/services/v2/auth/cookiesso/token.json").header(header, value);
    gateway.send(call).await
}
