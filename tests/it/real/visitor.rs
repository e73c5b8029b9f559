//! A browser without pictures: keeps cookies, follows nothing by itself, and reads what a form
//! hides. Real log-in forms are gone through with it.

use std::collections::BTreeMap;

use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use super::DEADLINE;

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
        let client = Client::builder().no_proxy().redirect(Policy::none()).timeout(DEADLINE);
        Self {
            client: client.build().unwrap(),
            origin: origin.to_owned(),
            cookies: BTreeMap::new(),
        }
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
        let answer = with_form(request, fields).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let text = answer.text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    async fn send(&mut self, request: RequestBuilder) -> Page {
        let cookies: Vec<_> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let answer = request.header(COOKIE, cookies.join("; ")).send().await.unwrap();
        for line in answer.headers().get_all(SET_COOKIE) {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            // Django deletes a cookie by an empty value in quotes.
            if value.trim_matches('"').is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let location = answer.headers().get(LOCATION).map(|to| to.to_str().unwrap().to_owned());
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
