//! `cas`: a service ticket of a CAS server (CAS protocol 3.0, section 2.5), validated by
//! asking the server. A ticket is good once and asking uses it up: it is asked about once per
//! call, never again after the server may have seen it, and the verdict is not kept.

mod answer;
mod settings;

use async_trait::async_trait;
use reqwest::{Method, Url};
use serde_json::{Value, json};

use self::answer::{Content, Format, Identity};
pub(super) use self::settings::Settings;
use super::asks::{Asks, Told};
use super::expectations::Expectations;
use super::fetch::{Answer, Failure, Reached, Upstream};
use super::mapping::Mapping;
use super::{ValidateCx, ValidateError, credential};
use crate::domain::{Credential, Timestamp, Verified};

/// The longest ticket: section 3.1.1 asks services for 256 characters at the most.
const MAX_LEN: usize = 256;

#[derive(Debug)]
struct Cas {
    upstream: Upstream,
    /// The validation endpoint, with everything in its query but the ticket.
    url: Url,
    format: Format,
    mapping: Mapping,
    expect: Expectations,
}

#[async_trait]
impl Asks for Cas {
    fn kind(&self) -> &'static str {
        "cas"
    }

    fn is_selective(&self) -> bool {
        true
    }

    /// A service ticket is good once (CAS protocol 3.0, section 2.5).
    fn uses_up(&self) -> bool {
        true
    }

    fn screen(&self, credential: &Credential) -> Result<(), ValidateError> {
        ticket(credential).map(drop)
    }

    async fn ask(&self, credential: &Credential, cx: &ValidateCx<'_>) -> Told {
        let ticket = match ticket(credential) {
            Ok(ticket) => ticket,
            Err(error) => return Told::plain(Err(error)),
        };
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("ticket", ticket);
        let request = self.upstream.request(Method::GET, url);
        match self.upstream.send(request, cx.deadline).await {
            Ok(answer) => {
                let content = self.content(&answer);
                let verdict = content.and_then(|content| self.judge(content, cx.now));
                let is_down = matches!(verdict, Err(ValidateError::Unavailable { .. }));
                // Some servers do not escape what they put into their XML: one account's name
                // must not count against the server.
                let in_its_words = answer::is_of_cas(&answer.body);
                Told { is_alive: in_its_words && !is_down, ..Told::plain(verdict) }
            }
            // Only while nobody has seen the ticket is it certainly not used up.
            Err(Failure { error, reached }) => {
                Told { may_ask_again: reached == Reached::Nobody, ..Told::plain(Err(error)) }
            }
        }
    }
}

impl Cas {
    fn content(&self, answer: &Answer) -> Result<Content, ValidateError> {
        match answer.status.as_u16() {
            200 => self.format.read(&answer.body).map_err(upstream),
            status @ (408 | 425 | 429 | 500..600) => Err(ValidateError::Unavailable {
                reason: format!("cas server answers {status}"),
                retry_after: answer.retry_after,
            }),
            status => Err(upstream(&format!("cas server answers {status}"))),
        }
    }

    fn judge(&self, content: Content, now: Timestamp) -> Result<Verified, ValidateError> {
        let Identity { user, attributes, proxied } = match content {
            Content::Success(identity) => identity,
            Content::Failure(code) => return Err(verdict_on(&code)),
        };
        if proxied {
            return Err(ValidateError::Rejected("ticket came through a proxy"));
        }
        let document = json!({"user": user, "attributes": Value::Object(attributes)});
        self.expect.check(&document)?;
        self.mapping.apply(&document, None, now)
    }
}

/// The text of a ticket, if it can be one (sections 3.1.1 and 3.7). Servers put their host's name
/// into it, hence the dot and the underscore.
fn ticket(credential: &Credential) -> Result<&str, ValidateError> {
    let text = credential::text(credential, MAX_LEN)?;
    let in_alphabet = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    if text.len() > 3 && text.starts_with("ST-") && text.bytes().all(in_alphabet) {
        Ok(text)
    } else {
        Err(ValidateError::Malformed("it is not a service ticket"))
    }
}

/// What a failure says (section 2.5.3): only of a ticket is it the ticket's fault.
fn verdict_on(code: &str) -> ValidateError {
    match code {
        "INVALID_TICKET" => ValidateError::Rejected("cas server does not know the ticket"),
        "INVALID_TICKET_SPEC" => ValidateError::Rejected("ticket is not of the demanded kind"),
        "INTERNAL_ERROR" => ValidateError::unavailable("cas server has an internal error"),
        "INVALID_SERVICE" => upstream("cas server says that the ticket is for another service"),
        "UNAUTHORIZED_SERVICE" | "UNAUTHORIZED_SERVICE_PROXY" => {
            upstream("cas server does not serve this service")
        }
        _ => upstream("cas server refuses the request"),
    }
}

fn upstream(reason: &str) -> ValidateError {
    ValidateError::Upstream(reason.to_owned())
}

#[cfg(test)]
mod tests;
