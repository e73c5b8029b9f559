//! [`Lookup`]: asking another system for one JSON document by a key, with the client, the guard
//! and the limits that validators have; and [`Projection`], what of a document means what. For
//! account directories, which are asked about accounts and never about a credential.

mod projection;

use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Method, Url};
use serde_json::Value;

pub use self::projection::Projection;
use super::ValidateError;
use super::asks::Told;
use super::endpoint::parse_url;
use super::fetch::{Answer, Failure, FetchSettings, Reached, Upstream, percent_encoded};
use super::upstream::{self, Guard};
use crate::domain::Timestamp;
use crate::domain::setting::{self, Problems, join};
use crate::support::Watcher;

/// Where the key goes in a URL.
const SLOT: &str = "{key}";
/// The longest that a look-up may take, whatever its own timeouts say.
const LONGEST: Duration = Duration::from_secs(30);

/// Why a look-up has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookupError {
    /// It could not find out.
    Unavailable(String),
    /// The other system broke its contract.
    Upstream(String),
}

/// How another system is asked, and its guard: keys of a table.
#[derive(Debug)]
pub struct LookupSettings {
    fetch: FetchSettings,
    guard: upstream::Settings,
}

/// Another system.
#[derive(Debug)]
pub struct Lookup {
    upstream: Upstream,
    guard: Guard,
}

/// A URL with a place for a key.
#[derive(Debug, Clone)]
pub struct Template(String);

impl LookupSettings {
    /// Takes the keys out of the table at `path`.
    pub fn take(value: &mut Value, path: &str, problems: &mut Problems) -> Option<Self> {
        let at = join(path, "upstream");
        let table = value.as_object_mut().and_then(|table| table.shift_remove("upstream"));
        let guard = table.and_then(|t| setting::parse::<upstream::Settings>(t, &at, problems));
        let guard = guard.unwrap_or_default();
        guard.check(&at, problems);
        let fetch = FetchSettings::take(value, path, problems)?;
        Some(Self { fetch, guard })
    }

    /// The URL with one `{key}`: a whole segment of the path, or in the query, so that no key can
    /// change the host or climb the path.
    ///
    /// # Errors
    /// A text for the configuration's problems.
    pub fn template(&self, text: &str) -> Result<Template, String> {
        let url = parse_url(&text.replace(SLOT, "slot"), self.fetch.allow_plain_http)?;
        let (before, after) = text.split_once(SLOT).ok_or(format!("must hold {SLOT}"))?;
        let origin = url.origin().ascii_serialization().len();
        let is_segment = before.len() > origin
            && before.ends_with('/')
            && (after.is_empty() || after.starts_with(['/', '?']));
        if after.contains(SLOT) || before.contains('#') || !(before.contains('?') || is_segment) {
            return Err(format!("{SLOT} must be one whole path segment or in the query, once"));
        }
        Ok(Template(text.to_owned()))
    }

    /// The other system.
    pub fn build(self, path: &str, watcher: &Watcher, problems: &mut Problems) -> Option<Lookup> {
        let upstream = self.fetch.build_watched(false, path, watcher, problems);
        Some(Lookup { upstream: upstream?, guard: self.guard.build(path) })
    }
}

impl Template {
    /// `None` for a key that no path can hold.
    fn url(&self, key: &str) -> Option<Url> {
        if key.is_empty() || key.bytes().all(|byte| byte == b'.') {
            return None;
        }
        Url::parse(&self.0.replace(SLOT, &percent_encoded(key))).ok()
    }
}

impl Lookup {
    /// The document of this key; `None` when the other system is sure that there is none.
    ///
    /// # Errors
    /// [`LookupError`].
    pub async fn find(
        &self,
        template: &Template,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Value>, LookupError> {
        let Some(url) = template.url(key) else { return Ok(None) };
        let deadline = Instant::now() + LONGEST;
        let turn = self.guard.enter(deadline, now).await.map_err(told)?;
        let (mut found, mut said) = self.once(url.clone(), deadline).await;
        if turn.may_repeat(&said) {
            (found, said) = self.once(url, deadline).await;
        }
        turn.settle(&said);
        found
    }

    /// Asks once; and what that says of the other system's health.
    async fn once(&self, url: Url, deadline: Instant) -> (Found, Told) {
        let json = HeaderValue::from_static("application/json");
        let request = self.upstream.request(Method::GET, url).header(ACCEPT, json);
        match self.upstream.send(request, deadline).await {
            Ok(answer) => match read(&answer) {
                Ok(found) => (Ok(found), alive()),
                Err(error) => (Err(told(error.clone())), Told::plain(Err(error))),
            },
            Err(Failure { error, reached }) => {
                let may_ask_again = reached != Reached::Answer;
                (Err(told(error.clone())), Told { may_ask_again, ..Told::plain(Err(error)) })
            }
        }
    }
}

type Found = Result<Option<Value>, LookupError>;

/// 404 and 410 are the only ways to say that there is none: an outage must not be one.
fn read(answer: &Answer) -> Result<Option<Value>, ValidateError> {
    let upstream = |reason: String| Err(ValidateError::Upstream(reason));
    match answer.status.as_u16() {
        404 | 410 => Ok(None),
        200 if !answer.is_json => upstream("answer is not JSON by its content type".to_owned()),
        200 => match serde_json::from_slice(&answer.body) {
            Ok(document) => Ok(Some(document)),
            Err(_) => upstream("answer is not JSON".to_owned()),
        },
        status @ (408 | 425 | 429 | 500..600) => Err(ValidateError::Unavailable {
            reason: format!("account directory answers {status}"),
            retry_after: answer.retry_after,
        }),
        status => upstream(format!("account directory answers {status}")),
    }
}

/// It answered in its own words; what it said is no verdict on a credential.
fn alive() -> Told {
    let said = ValidateError::Rejected("it answered");
    Told { is_alive: true, ..Told::plain(Err(said)) }
}

fn told(error: ValidateError) -> LookupError {
    match error {
        ValidateError::Unavailable { .. } => LookupError::Unavailable(error.to_string()),
        other => LookupError::Upstream(other.to_string()),
    }
}
