//! What an introspection endpoint's answer says. Pure. The endpoint's errors are about
//! Cambio's own request and proof, so they are never a verdict on the token: save one, which
//! says that the token is of a kind that the endpoint knows nothing of.

use std::time::Duration;

use serde_json::Value;

use super::super::ValidateError;
use super::super::fetch::Answer;
use super::super::jwt::claims::{Expected, MAX_TIME};
use super::super::mapping::Mapping;
use crate::domain::{Timestamp, Verified};

/// What an active token must be besides.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) issuer: Expected,
    pub(super) audience: Expected,
    pub(super) client_id: Expected,
    /// Compared without regard to case (RFC 6749 section 7.1).
    pub(super) token_type: Option<String>,
    /// All of these are among the token's scopes.
    pub(super) scopes: Vec<String>,
    pub(super) leeway: Duration,
    pub(super) mapping: Mapping,
}

/// Why an answer is no document.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) error: ValidateError,
    /// Whether it is about the one request, which its token may have caused, and so says
    /// nothing of the endpoint's health.
    pub(super) is_alive: bool,
}

/// The JSON document of a success.
///
/// # Errors
/// `Malformed` for a token of an unsupported type, `Unavailable` or `Upstream` for every other
/// answer that is not a document.
pub(super) fn document(answer: &Answer) -> Result<Value, Fault> {
    let document = serde_json::from_slice::<Value>(&answer.body).ok().filter(|_| answer.is_json);
    let error = document.as_ref().and_then(|d| d.get("error")).and_then(Value::as_str);
    if let Some(error) = error {
        return Err(refusal(error, answer));
    }
    let error = match answer.status.as_u16() {
        200 => return document.ok_or_else(|| Fault::of_endpoint(upstream("answer is not JSON"))),
        status @ (408 | 425 | 429 | 500..600) => unavailable(status, answer),
        401 => upstream(NOT_ACCEPTED),
        status => upstream(&format!("introspection endpoint answers {status}")),
    };
    Err(Fault::of_endpoint(error))
}

const NOT_ACCEPTED: &str = "introspection endpoint does not accept our authentication";

/// An OAuth error (RFC 6749 section 5.2, RFC 7009 section 2.2.1).
fn refusal(error: &str, answer: &Answer) -> Fault {
    match (error, answer.status.as_u16()) {
        ("unsupported_token_type", _) => {
            let why = "introspection endpoint knows no tokens of its type";
            Fault { error: ValidateError::Malformed(why), is_alive: true }
        }
        ("temporarily_unavailable" | "server_error" | "slow_down", status)
        | (_, status @ (408 | 425 | 429 | 500..600)) => {
            Fault::of_endpoint(unavailable(status, answer))
        }
        ("invalid_client", _) | (_, 401) => Fault::of_endpoint(upstream(NOT_ACCEPTED)),
        ("unauthorized_client" | "access_denied" | "insufficient_scope", _) | (_, 403) => {
            Fault::of_endpoint(upstream("introspection endpoint does not permit us to ask"))
        }
        (_, status) => {
            let error = upstream(&format!("introspection endpoint answers {status} with an error"));
            Fault { error, is_alive: true }
        }
    }
}

impl Fault {
    fn of_endpoint(error: ValidateError) -> Self {
        Self { error, is_alive: false }
    }
}

impl Rules {
    /// What the document says of the one token (RFC 7662 section 2.2).
    ///
    /// # Errors
    /// `Rejected` when it is not active or not what is expected, `Upstream` when that is not
    /// said or not in the shape that the RFC gives it.
    pub(super) fn judge(
        &self,
        document: &Value,
        now: Timestamp,
    ) -> Result<Verified, ValidateError> {
        let rejected = |rule| Err(ValidateError::Rejected(rule));
        match document.get("active") {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => return rejected("token is not active"),
            _ => return Err(upstream("answer does not say whether the token is active")),
        }
        self.check(document)?;
        if time(document, "nbf")?.is_some_and(|nbf| nbf > now.plus(self.leeway)) {
            return rejected("token is not valid yet");
        }
        let end = match time(document, "exp")? {
            Some(exp) if exp <= now => Some(exp.plus(self.leeway)),
            exp => exp,
        };
        if end.is_some_and(|end| end <= now) {
            return rejected("token has expired");
        }
        self.mapping.apply(document, end, now)
    }

    fn check(&self, document: &Value) -> Result<(), ValidateError> {
        let rejected = |rule| Err(ValidateError::Rejected(rule));
        let member = |name: &str| document.get(name).filter(|value| !value.is_null());
        // It takes the key to use such a token, and a copy of it proves nothing (RFC 7800).
        if member("cnf").is_some() {
            return rejected("token is bound to a key");
        }
        if self.issuer != Expected::Unchecked && member("iss").is_none() {
            return Err(upstream("answer does not say the issuer"));
        }
        if !self.issuer.admits(member("iss").filter(|iss| iss.is_string())) {
            return rejected("issuer is wrong");
        }
        if !self.audience.admits(member("aud")) {
            return rejected("audience is wrong");
        }
        if !self.client_id.admits(member("client_id").filter(|id| id.is_string())) {
            return rejected("client is wrong");
        }
        let token_type = member("token_type").and_then(Value::as_str).unwrap_or_default();
        if self.token_type.as_ref().is_some_and(|want| !want.eq_ignore_ascii_case(token_type)) {
            return rejected("token type is wrong");
        }
        let granted = |scope: &String| match member("scope") {
            Some(Value::String(scopes)) => scopes.split(' ').any(|s| s == scope),
            // Some servers answer a list.
            Some(Value::Array(scopes)) => scopes.iter().any(|s| s == scope),
            _ => false,
        };
        if !self.scopes.iter().all(granted) {
            return rejected("scope is missing");
        }
        Ok(())
    }
}

/// A time in seconds since the epoch. Servers send fractions; those are cut off.
#[expect(clippy::cast_possible_truncation, reason = "is within four-digit years")]
#[expect(clippy::cast_precision_loss, reason = "the bound has a bit more than 37 bits")]
fn time(document: &Value, name: &str) -> Result<Option<Timestamp>, ValidateError> {
    let Some(value) = document.get(name).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    match value.as_f64() {
        Some(secs) if (0.0..=MAX_TIME as f64).contains(&secs) => {
            Ok(Some(Timestamp::from_secs(secs as i64)))
        }
        _ => Err(upstream(&format!("{name} is no time"))),
    }
}

fn unavailable(status: u16, answer: &Answer) -> ValidateError {
    let reason = format!("introspection endpoint answers {status}");
    ValidateError::Unavailable { reason, retry_after: answer.retry_after }
}

fn upstream(reason: &str) -> ValidateError {
    ValidateError::Upstream(reason.to_owned())
}
