//! Asking another system over HTTP, for the kinds that do (`http`, `introspection`, `oidc`,
//! `jwt` with a JWKS URL): no redirects, no proxies from the environment, no retries, every
//! wait and every size bounded. Turns transport failures into `Unavailable` or `Upstream`;
//! never quotes a request, whose URL may hold a credential.

mod auth;
mod client;
mod failure;
mod header;
mod hint;
mod live;
mod settings;

use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};

use self::auth::Auth;
use self::client::Clients;
pub(super) use self::failure::{Failure, Reached};
pub(super) use self::header::{header_name, percent_encoded, sensitive};
use self::live::Live;
pub(super) use self::settings::FetchSettings;
use super::ValidateError;
use super::asks::Hint;
use crate::domain::Timestamp;
use crate::support::trace::{self, Fact};

/// The longest `Retry-After` that is believed.
const MAX_RETRY_AFTER: u64 = 300;

/// The other system.
#[derive(Debug)]
pub(super) struct Upstream {
    clients: Clients,
    /// Of every request.
    headers: Vec<(HeaderName, Live<HeaderValue>)>,
    auth: Auth,
    timeout: Duration,
    max_bytes: usize,
}

/// What it answered, complete.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// `Retry-After` in seconds, if it was given as such; bounded.
    pub(super) retry_after: Option<Duration>,
    /// How long it may be kept.
    pub(super) hint: Hint,
    /// Whether the content calls itself JSON.
    pub(super) is_json: bool,
    pub(super) body: Vec<u8>,
}

impl Upstream {
    /// A request for [`Upstream::send`], with the configured headers and authentication.
    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let mut request = self.clients.current().request(method, url);
        for (name, value) in &self.headers {
            request = request.header(name, (*value.get()).clone());
        }
        match self.auth.header() {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        }
    }

    /// A GET with nothing of ours in it: for an origin that the configuration does not name.
    pub(super) fn bare_request(&self, url: Url) -> RequestBuilder {
        self.clients.current().get(url)
    }

    /// A POST of a form, with what the authentication adds to it.
    pub(super) fn form(&self, url: Url, fields: &[(&str, &str)], now: Timestamp) -> RequestBuilder {
        let proof = self.auth.fields(url.as_str(), now);
        let proof = proof.iter().map(|(name, value)| (*name, value.expose()));
        let fields: Vec<_> = fields.iter().copied().chain(proof).collect();
        self.request(Method::POST, url)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
            .body(header::form(&fields))
    }

    /// Asks, and waits for the whole answer until `deadline` at most. The content is read
    /// only when the status is a success.
    ///
    /// # Errors
    /// `Unavailable` when there was no answer in time, `Upstream` when what came was not
    /// HTTP or too large.
    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        deadline: Instant,
    ) -> Result<Answer, Failure> {
        self.send_for(request, deadline, |status| status.is_success()).await
    }

    /// [`Upstream::send`], reading the content of answers with the statuses that `wanted`
    /// picks.
    pub(super) async fn send_for(
        &self,
        request: RequestBuilder,
        deadline: Instant,
        wanted: fn(StatusCode) -> bool,
    ) -> Result<Answer, Failure> {
        let begun = Instant::now();
        let deadline = deadline.min(begun + self.timeout);
        let asked = trace::is_on().then(|| asked(&request)).flatten();
        let outcome =
            tokio::time::timeout_at(deadline.into(), self.exchange(request, wanted)).await;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::new(ValidateError::unavailable("no answer in time"))),
        };
        if let Some((method, origin)) = asked {
            note(&method, &origin, begun, &outcome);
        }
        outcome
    }

    async fn exchange(
        &self,
        request: RequestBuilder,
        wanted: fn(StatusCode) -> bool,
    ) -> Result<Answer, Failure> {
        let mut response = request.send().await.map_err(|e| Failure::before_answer(&e))?;
        let mut answer = Answer {
            status: response.status(),
            retry_after: retry_after(&response),
            hint: hint::read(response.headers()),
            is_json: is_json(&response),
            body: Vec::new(),
        };
        if !wanted(answer.status) {
            return Ok(answer);
        }
        while let Some(chunk) = response.chunk().await.map_err(|e| Failure::in_answer(&e))? {
            if answer.body.len() + chunk.len() > self.max_bytes {
                let too_large = ValidateError::Upstream("answer is too large".to_owned());
                return Err(Failure::new(too_large));
            }
            answer.body.extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}

/// A request's method and origin. Neither its path nor its query: they may hold the credential.
fn asked(request: &RequestBuilder) -> Option<(Method, String)> {
    let request = request.try_clone()?.build().ok()?;
    Some((request.method().clone(), request.url().origin().ascii_serialization()))
}

/// Notes who was asked and what came of it, for `explain`.
fn note(method: &Method, origin: &str, begun: Instant, outcome: &Result<Answer, Failure>) {
    trace::note("asked", || {
        let answer = outcome.as_ref().ok();
        let why = outcome.as_ref().err().map(|failure| failure.error.to_string());
        let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        [
            ("method", Fact::plain(method.as_str())),
            ("origin", Fact::plain(origin)),
            ("status", Fact::plain(answer.map(|answer| answer.status.as_u16()))),
            ("is_json", Fact::plain(answer.map(|answer| answer.is_json))),
            ("bytes", Fact::plain(answer.map(|answer| answer.body.len()))),
            ("millis", Fact::plain(millis)),
            ("why", Fact::plain(why)),
        ]
    });
}

fn retry_after(response: &Response) -> Option<Duration> {
    let secs = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse::<u64>().ok()?;
    Some(Duration::from_secs(secs.clamp(1, MAX_RETRY_AFTER)))
}

fn is_json(response: &Response) -> bool {
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let essence =
        media_type.and_then(|t| t.split(';').next()).map(|t| t.trim().to_ascii_lowercase());
    essence.is_some_and(|t| t == "application/json" || t.ends_with("+json"))
}
