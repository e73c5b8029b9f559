//! `http`: asks a remote session endpoint whose credential it is. The endpoint is sent the
//! one credential and the configured headers, nothing else of a request; its status and
//! content become a verdict of three values: proven, rejected, could not find out.

mod placing;
mod settings;
mod shape;

use std::collections::BTreeSet;

use async_trait::async_trait;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value};

use self::placing::Placing;
pub(super) use self::settings::Settings;
use self::shape::Shape;
use super::asks::{Asks, Told};
use super::expectations::Expectations;
use super::fetch::{Answer, Failure, Reached, Upstream};
use super::mapping::Mapping;
use super::{ValidateCx, ValidateError, credential};
use crate::domain::{Credential, Timestamp, Verified};

/// The longest credential that is sent on, in bytes.
const MAX_LEN: usize = 8 * 1024;

#[derive(Debug)]
struct Http {
    upstream: Upstream,
    method: Method,
    placing: Placing,
    shape: Shape,
    /// Whether to say so; the configuration may say it in its own way.
    accepts_json: bool,
    success: BTreeSet<u16>,
    reject: BTreeSet<u16>,
    mapping: Mapping,
    expect: Expectations,
    empty_is_rejected: bool,
}

#[async_trait]
impl Asks for Http {
    fn kind(&self) -> &'static str {
        "http"
    }

    fn is_selective(&self) -> bool {
        self.shape.is_selective()
    }

    fn screen(&self, credential: &Credential) -> Result<(), ValidateError> {
        let text = credential::text(credential, MAX_LEN)?;
        self.shape.check(text)?;
        self.placing.place(text).map(drop)
    }

    async fn ask(&self, credential: &Credential, cx: &ValidateCx<'_>) -> Told {
        let request = match self.request(credential) {
            Ok(request) => request,
            Err(error) => return Told::plain(Err(error)),
        };
        match self.upstream.send(request, cx.deadline).await {
            Ok(answer) => {
                let document = self.document(&answer);
                Told {
                    is_alive: document.is_ok(),
                    verdict: document.and_then(|document| self.judge(&document, cx.now)),
                    hint: answer.hint,
                    may_ask_again: false,
                }
            }
            Err(Failure { error, reached }) => Told {
                may_ask_again: match reached {
                    Reached::Nobody => true,
                    Reached::NoAnswer => self.method.is_safe(),
                    Reached::Answer => false,
                },
                ..Told::plain(Err(error))
            },
        }
    }
}

impl Http {
    fn request(&self, credential: &Credential) -> Result<RequestBuilder, ValidateError> {
        let text = credential::text(credential, MAX_LEN)?;
        self.shape.check(text)?;
        let (url, header) = self.placing.place(text)?;
        let mut request = self.upstream.request(self.method.clone(), url);
        if self.accepts_json {
            request = request.header(ACCEPT, HeaderValue::from_static("application/json"));
        }
        if [Method::POST, Method::PUT, Method::PATCH].contains(&self.method) {
            // RFC 9110 section 8.6: what could have content says that it has none.
            request = request.header(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        Ok(request)
    }

    /// The JSON document of a success.
    fn document(&self, answer: &Answer) -> Result<Value, ValidateError> {
        let status = answer.status.as_u16();
        if self.reject.contains(&status) {
            return Err(ValidateError::Rejected("session endpoint does not know it"));
        }
        if !self.success.contains(&status) {
            return Err(self.no_verdict(answer));
        }
        if !answer.is_json {
            return Err(upstream("answer is not JSON by its content type"));
        }
        serde_json::from_slice(&answer.body).map_err(|_| upstream("answer is not JSON"))
    }

    /// What the document says of the one session.
    fn judge(&self, document: &Value, now: Timestamp) -> Result<Verified, ValidateError> {
        let is_empty = document.is_null() || document.as_object().is_some_and(Map::is_empty);
        if is_empty && self.empty_is_rejected {
            return Err(ValidateError::Rejected("there is no session"));
        }
        self.expect.check(document)?;
        self.mapping.apply(document, None, now)
    }

    /// A status that is neither a success nor a rejection says nothing of the credential.
    fn no_verdict(&self, answer: &Answer) -> ValidateError {
        let status = answer.status.as_u16();
        match status {
            408 | 425 | 429 | 500..600 => ValidateError::Unavailable {
                reason: format!("session endpoint answers {status}"),
                retry_after: answer.retry_after,
            },
            _ => upstream(&format!("session endpoint answers {status}")),
        }
    }
}

fn upstream(reason: &str) -> ValidateError {
    ValidateError::Upstream(reason.to_owned())
}

#[cfg(test)]
mod tests;
