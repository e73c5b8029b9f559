//! The `http` table: reads it, refuses statuses that cannot be a verdict and headers that
//! would stand where the credential goes, and builds the validator.

use std::collections::BTreeSet;
use std::sync::Arc;

use reqwest::Method;
use reqwest::header::{ACCEPT, COOKIE, HeaderName, HeaderValue};
use serde::Deserialize;

use super::super::asks::Asks;
use super::super::endpoint::parse_url;
use super::super::expectations::Expectations;
use super::super::fetch::{FetchSettings, header_name};
use super::super::mapping::NamedFields;
use super::super::settings::BuildCx;
use super::Http;
use super::placing::{Placing, SLOT, by_url};
use super::shape::Shape;
use crate::domain::setting::{Problems, join};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Settings {
    /// The session endpoint; holds `{credential}` when `send` is `url`.
    url: String,
    #[serde(default = "get")]
    method: String,
    send: Send,
    /// What the credential looks like.
    #[serde(default)]
    credential: Shape,
    #[serde(default = "default_success")]
    success_statuses: BTreeSet<u16>,
    #[serde(default = "default_reject")]
    reject_statuses: BTreeSet<u16>,
    /// What must stand in the answer.
    #[serde(default)]
    expect: Expectations,
    fields: NamedFields,
    /// Whether `null` and `{}` say that there is no session, as some endpoints do with a 200.
    #[serde(default)]
    empty_is_rejected: bool,
}

/// How the credential is sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Send {
    Cookie {
        name: String,
    },
    Header {
        name: String,
        #[serde(default)]
        prefix: String,
    },
    Url,
}

fn get() -> String {
    "GET".to_owned()
}

fn default_success() -> BTreeSet<u16> {
    BTreeSet::from([200])
}

fn default_reject() -> BTreeSet<u16> {
    BTreeSet::from([401, 403, 404])
}

impl Settings {
    pub(in super::super) fn build(
        self,
        fetch: &FetchSettings,
        path: &str,
        cx: &BuildCx<'_>,
        problems: &mut Problems,
    ) -> Option<Arc<dyn Asks>> {
        let before = problems.len();
        self.check_statuses(path, problems);
        self.credential.check_settings(&join(path, "credential"), problems);
        let method = problems.ok(&join(path, "method"), method(&self.method));
        let placing = self.placing(fetch.allow_plain_http, path, problems);
        self.check_headers(fetch, path, problems);
        let upstream = fetch.build(false, path, cx, problems);
        let validator = Http {
            upstream: upstream?,
            method: method?,
            placing: placing?,
            shape: self.credential,
            accepts_json: fetch.sets(&ACCEPT).is_none(),
            success: self.success_statuses,
            reject: self.reject_statuses,
            mapping: self.fields.mapping().of_answers().that_must_end(),
            expect: self.expect,
            empty_is_rejected: self.empty_is_rejected,
        };
        (problems.len() == before).then(|| Arc::new(validator) as _)
    }

    /// An outage must not be configurable as a verdict.
    fn check_statuses(&self, path: &str, problems: &mut Problems) {
        if self.success_statuses.is_empty()
            || !self.success_statuses.iter().all(|s| (200..300).contains(s))
        {
            problems.push(join(path, "success_statuses"), "must be some of 200 to 299");
        }
        let verdict = |s: &u16| (400..500).contains(s) && ![407, 408, 425, 429].contains(s);
        if !self.reject_statuses.iter().all(verdict) {
            let rule = "must be of 400 to 499, but not 407, 408, 425 or 429, which are no verdict";
            problems.push(join(path, "reject_statuses"), rule);
        }
    }

    fn placing(
        &self,
        allow_plain_http: bool,
        path: &str,
        problems: &mut Problems,
    ) -> Option<Placing> {
        let (at, send) = (join(path, "url"), join(path, "send"));
        if let Send::Url = self.send {
            return problems.ok(&at, by_url(&self.url, allow_plain_http));
        }
        if self.url.contains(SLOT) {
            problems.push(&at, format!("holds {SLOT}, but send is not \"url\""));
        }
        let url = problems.ok(&at, parse_url(&self.url, allow_plain_http));
        match &self.send {
            Send::Cookie { name } => {
                if name.is_empty() || HeaderName::from_bytes(name.as_bytes()).is_err() {
                    problems.push(join(&send, "cookie.name"), "must be a cookie's name");
                }
                Some(Placing::Cookie { url: url?, name: name.clone() })
            }
            Send::Header { name, prefix } => {
                if HeaderValue::from_str(prefix).is_err() {
                    problems.push(join(&send, "header.prefix"), "must be printable ASCII");
                }
                let name = problems.ok(&join(&send, "header.name"), header_name(name));
                Some(Placing::Header { url: url?, name: name?, prefix: prefix.clone() })
            }
            Send::Url => None,
        }
    }

    /// No other header may stand where the credential goes.
    fn check_headers(&self, fetch: &FetchSettings, path: &str, problems: &mut Problems) {
        let place = match &self.send {
            Send::Cookie { .. } => Some(COOKIE),
            Send::Header { name, .. } => header_name(name).ok(),
            Send::Url => None,
        };
        let Some(place) = place else { return };
        if let Some(key) = fetch.sets(&place) {
            let at = if key == "headers" { join(key, place.as_str()) } else { key.to_owned() };
            problems.push(join(path, &at), "is where the credential goes");
        }
    }
}

/// A method that has an answer with content, and asks the endpoint itself (RFC 9110 section 9.3).
fn method(name: &str) -> Result<Method, &'static str> {
    match Method::from_bytes(name.as_bytes()) {
        Ok(Method::HEAD | Method::CONNECT | Method::TRACE) => Err("has no answer to judge by"),
        Ok(method) if !name.bytes().any(|b| b.is_ascii_lowercase()) => Ok(method),
        _ => Err("must be a method's name, in upper case"),
    }
}
