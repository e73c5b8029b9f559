//! Where a key set is fetched from. `remote.rs` says when.

use jsonwebtoken::Algorithm;
use reqwest::{Method, RequestBuilder, Url};

use super::super::ValidateError;
use super::super::fetch::Upstream;
use super::discovery::Discovery;
use super::jwks;
use super::keys::KeySet;
use super::remote::far_off;
use crate::domain::Timestamp;

/// Where the keys are.
#[derive(Debug)]
pub(super) enum Source {
    /// Behind this URL.
    Fixed(Url),
    /// Where the issuer's document says.
    Discovered(Discovery),
}

impl Source {
    /// For the logs.
    pub(super) fn host(&self) -> Option<&str> {
        match self {
            Self::Fixed(url) => url.host_str(),
            Self::Discovered(discovery) => discovery.url.host_str(),
        }
    }

    /// The keys as they are now.
    ///
    /// # Errors
    /// `Unavailable` or `Upstream`.
    pub(super) async fn fetch(
        &self,
        upstream: &Upstream,
        algorithms: &[Algorithm],
        now: Timestamp,
    ) -> Result<KeySet, ValidateError> {
        match self {
            Self::Fixed(url) => {
                key_set(upstream, upstream.request(Method::GET, url.clone()), algorithms).await
            }
            Self::Discovered(discovery) => {
                let url = discovery.keys_url(upstream, now).await?;
                // Our secrets are for whom the configuration names.
                let request = if url.origin() == discovery.url.origin() {
                    upstream.request(Method::GET, url)
                } else {
                    upstream.bare_request(url)
                };
                let keys = key_set(upstream, request, algorithms).await;
                keys.inspect_err(|_| discovery.forget())
            }
        }
    }
}

async fn key_set(
    upstream: &Upstream,
    request: RequestBuilder,
    algorithms: &[Algorithm],
) -> Result<KeySet, ValidateError> {
    let answer = upstream.send(request, far_off()).await?;
    match answer.status.as_u16() {
        200 => jwks::parse(&answer.body, algorithms)
            .map_err(|e| ValidateError::Upstream(format!("key set {e}"))),
        300..400 => Err(ValidateError::Upstream("key set URL redirects".to_owned())),
        status => Err(ValidateError::Unavailable {
            reason: format!("key set URL answers {status}"),
            retry_after: answer.retry_after,
        }),
    }
}
