//! A browser without pictures: keeps cookies, follows nothing by itself, and reads what a form
//! hides. Real log-in forms are gone through with it; and its parts, for tests that keep the one
//! cookie themselves.

use std::collections::BTreeMap;

use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;

use super::DEADLINE;
use crate::support::{Answer, Call, Fixture};

/// Somebody at a browser, on one origin.
pub(crate) struct Visitor {
    client: Client,
    origin: String,
    /// By name: paths and domains make no difference on one origin.
    cookies: BTreeMap<String, String>,
}

/// What an origin answered.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) body: String,
}

impl Visitor {
    /// Somebody whom nobody knows.
    pub(crate) fn new(origin: &str) -> Self {
        Self { client: client(), origin: origin.to_owned(), cookies: BTreeMap::new() }
    }

    /// Opens a path, or a URL of the origin.
    pub(crate) async fn get(&mut self, place: &str) -> Page {
        let request = self.client.get(self.url(place));
        self.send(request).await
    }

    /// Sends a form there.
    pub(crate) async fn post(&mut self, place: &str, fields: &[(&str, &str)]) -> Page {
        let request = with_form(self.client.post(self.url(place)), fields);
        self.send(request).await
    }

    /// Sends a form as an OAuth client does, without any cookie.
    pub(crate) async fn call(
        &self,
        path: &str,
        (id, secret): (&str, &str),
        fields: &[(&str, &str)],
    ) -> Value {
        let request =
            self.client.post(self.url(path)).basic_auth(encoded(id), Some(encoded(secret)));
        let answer = send(with_form(request, fields)).await;
        assert_eq!(answer.status(), 200, "{path}");
        let text = answer.text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    async fn send(&mut self, request: RequestBuilder) -> Page {
        let cookies: Vec<_> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let answer = send(request.header(COOKIE, cookies.join("; "))).await;
        for (name, value) in set_cookies(&answer) {
            // Django deletes a cookie by an empty value in quotes.
            if value.trim_matches('"').is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let location = location_of(&answer).map(str::to_owned);
        let status = answer.status().as_u16();
        Page { status, location, body: answer.text().await.unwrap() }
    }

    fn url(&self, place: &str) -> String {
        if place.starts_with('/') { format!("{}{place}", self.origin) } else { place.to_owned() }
    }
}

impl Page {
    /// The value of a form's field.
    pub(crate) fn field(&self, name: &str) -> String {
        let tags = self.body.split('<').filter(|tag| tag.starts_with("input"));
        let value = |tag: &str| {
            let value = tag.split_once("value=\"")?.1;
            Some(value.split_once('"')?.0.to_owned())
        };
        let mut named = tags.filter(|tag| tag.contains(&format!("name=\"{name}\"")));
        named.find_map(value).unwrap_or_else(|| panic!("no field {name}: {}", self.body))
    }

    /// A parameter of where the browser is sent.
    pub(crate) fn sent_with(&self, name: &str) -> Option<String> {
        let url = reqwest::Url::parse(self.location.as_ref()?).ok()?;
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

fn with_form(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    let pairs: Vec<_> =
        fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(pairs.join("&"))
}

/// As URLs, forms and OAuth clients encode.
pub(crate) fn encoded(text: &str) -> String {
    let mut url = reqwest::Url::parse("http://h").unwrap();
    url.query_pairs_mut().append_pair("", text);
    url.query().unwrap().trim_start_matches('=').to_owned()
}

/// A client with connections of its own, which follows no redirect: a test sees where it was sent.
pub(crate) fn client() -> Client {
    let builder = Client::builder().no_proxy().redirect(Policy::none());
    builder.timeout(DEADLINE).build().unwrap()
}

pub(crate) async fn send(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}

/// The names and values of the cookies that an answer sets.
fn set_cookies(answer: &Response) -> impl DoubleEndedIterator<Item = (&str, &str)> {
    answer.headers().get_all(SET_COOKIE).iter().map(|line| {
        let pair = line.to_str().unwrap().split(';').next().unwrap();
        pair.split_once('=').unwrap()
    })
}

/// The value of the cookie that an answer sets.
pub(crate) fn cookie_of(answer: &Response, name: &str) -> String {
    let found = set_cookies(answer).rfind(|(set, _)| *set == name);
    found.unwrap_or_else(|| panic!("no cookie {name}: {answer:?}")).1.to_owned()
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
