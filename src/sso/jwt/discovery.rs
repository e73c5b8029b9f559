//! OpenID Connect discovery (Discovery 1.0 section 4): from an issuer's name to the URL of its
//! keys. Asked by `remote.rs` when keys are fetched and never at boot. The document must name
//! the issuer exactly; what it says of algorithms is not believed.

use std::time::Duration;

use parking_lot::Mutex;
use reqwest::{Method, Url};
use serde::Deserialize;

use super::super::ValidateError;
use super::super::endpoint::parse_url;
use super::super::fetch::Upstream;
use super::remote::{far_off, passed};
use crate::domain::Timestamp;

/// Where an issuer says the URL of its keys.
#[derive(Debug)]
pub(super) struct Discovery {
    /// Of the document.
    pub(super) url: Url,
    pub(super) issuer: String,
    /// How long what it said is good.
    pub(super) max_age: Duration,
    /// What `jwks_uri` may be.
    pub(super) allow_plain_http: bool,
    found: Mutex<Option<(Url, Timestamp)>>,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
}

impl Discovery {
    pub(super) fn new(url: Url, issuer: String, max_age: Duration, allow_plain_http: bool) -> Self {
        Self { url, issuer, max_age, allow_plain_http, found: Mutex::new(None) }
    }

    /// The URL of the keys.
    ///
    /// # Errors
    /// `Unavailable` when the document cannot be had, `Upstream` when it is not this issuer's.
    pub(super) async fn keys_url(
        &self,
        upstream: &Upstream,
        now: Timestamp,
    ) -> Result<Url, ValidateError> {
        let known = self.found.lock().clone();
        if let Some((url, _)) = known.filter(|(_, at)| !passed(*at, self.max_age, now)) {
            return Ok(url);
        }
        let url = self.discover(upstream).await?;
        *self.found.lock() = Some((url.clone(), now));
        Ok(url)
    }

    /// Makes the next fetch look where the keys are: those that were found could not be had.
    pub(super) fn forget(&self) {
        *self.found.lock() = None;
    }

    async fn discover(&self, upstream: &Upstream) -> Result<Url, ValidateError> {
        let broken = |reason: &str| ValidateError::Upstream(format!("discovery document {reason}"));
        let request = upstream.request(Method::GET, self.url.clone());
        let answer = upstream.send(request, far_off()).await?;
        match answer.status.as_u16() {
            200 => {}
            300..400 => return Err(broken("redirects")),
            status => {
                let reason = format!("discovery document answers {status}");
                let retry_after = answer.retry_after;
                return Err(ValidateError::Unavailable { reason, retry_after });
            }
        }
        let document: Document =
            serde_json::from_slice(&answer.body).map_err(|_| broken("is none"))?;
        // Discovery 1.0 section 4.3: identical, or another issuer could speak for this one.
        if document.issuer != self.issuer {
            return Err(broken("is of another issuer"));
        }
        parse_url(&document.jwks_uri, self.allow_plain_http)
            .map_err(|_| broken("names no URL of keys that may be asked"))
    }
}
