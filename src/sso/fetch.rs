//! Asking another system over HTTP, for the kinds that do (`http`, `jwt` with a JWKS URL):
//! no redirects, no proxies from the environment, no retries, every wait and every size
//! bounded. Turns transport failures into `Unavailable` or `Upstream`; never quotes a
//! request, whose URL may hold a credential.

mod failure;
mod hint;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Certificate, Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;

use self::failure::deepest;
pub(super) use self::failure::{Failure, Reached};
use super::ValidateError;
use super::asks::Hint;
use crate::domain::setting::{HumanDuration, Problems, join};

/// The longest `Retry-After` that is believed.
const MAX_RETRY_AFTER: u64 = 300;

/// How another system is asked; part of several tables.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FetchSettings {
    /// To have a connection.
    pub(super) connect_timeout: HumanDuration,
    /// Between two reads.
    pub(super) read_timeout: HumanDuration,
    /// In all; a request's own deadline may be sooner.
    pub(super) timeout: HumanDuration,
    /// The largest accepted answer.
    pub(super) max_bytes: usize,
    /// The only certificate authorities that are trusted, PEM; the system's when absent.
    pub(super) ca_file: Option<PathBuf>,
    /// Permits `http:` to another host than this one.
    pub(super) allow_plain_http: bool,
}

impl Default for FetchSettings {
    fn default() -> Self {
        Self {
            connect_timeout: HumanDuration::secs(1),
            read_timeout: HumanDuration::secs(2),
            timeout: HumanDuration::secs(3),
            max_bytes: 64 * 1024,
            ca_file: None,
            allow_plain_http: false,
        }
    }
}

impl FetchSettings {
    /// The client; the certificate file is read once.
    pub(super) fn build(&self, path: &str, problems: &mut Problems) -> Option<Upstream> {
        let before = problems.len();
        for (key, value) in [
            ("connect_timeout", self.connect_timeout),
            ("read_timeout", self.read_timeout),
            ("timeout", self.timeout),
        ] {
            if value.0.is_zero() {
                problems.push(join(path, key), "must be longer than zero");
            }
        }
        if !(1..=16 * 1024 * 1024).contains(&self.max_bytes) {
            problems.push(join(path, "max_bytes"), "must be from 1 to 16777216");
        }
        let mut builder = Client::builder()
            .connect_timeout(self.connect_timeout.0)
            .read_timeout(self.read_timeout.0)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .user_agent("cambio");
        if let Some(file) = &self.ca_file {
            let authorities = problems.ok(&join(path, "ca_file"), authorities(file));
            builder = builder.tls_certs_only(authorities.unwrap_or_default());
        }
        let client = builder.build().map_err(|e| format!("cannot set up TLS: {}", deepest(&e)));
        let client = problems.ok(path, client)?;
        let upstream = Upstream { client, timeout: self.timeout.0, max_bytes: self.max_bytes };
        (problems.len() == before).then_some(upstream)
    }
}

fn authorities(file: &Path) -> Result<Vec<Certificate>, String> {
    let pem = std::fs::read(file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(authorities) if !authorities.is_empty() => Ok(authorities),
        _ => Err(format!("{} holds no PEM certificate", file.display())),
    }
}

/// The other system.
#[derive(Debug)]
pub(super) struct Upstream {
    client: Client,
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
    /// Makes requests for [`Upstream::send`].
    pub(super) fn client(&self) -> &Client {
        &self.client
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
        let deadline = deadline.min(Instant::now() + self.timeout);
        match tokio::time::timeout_at(deadline.into(), self.exchange(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::new(ValidateError::unavailable("no answer in time"))),
        }
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        let mut response = request.send().await.map_err(|e| Failure::before_answer(&e))?;
        let mut answer = Answer {
            status: response.status(),
            retry_after: retry_after(&response),
            hint: hint::read(response.headers()),
            is_json: is_json(&response),
            body: Vec::new(),
        };
        if !answer.status.is_success() {
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
