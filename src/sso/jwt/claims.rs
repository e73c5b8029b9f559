//! The checks on a verified token's claims (RFC 7519 section 4.1, RFC 8725), against the
//! time that the caller passes.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::super::ValidateError;
use crate::domain::Timestamp;
use crate::domain::setting::{HumanDuration, Problems, join};

/// The latest time that is taken for one: the end of the year 9999.
pub(in super::super) const MAX_TIME: i64 = 253_402_300_799;

/// The most that an issuer's clock may be off.
const MAX_LEEWAY: HumanDuration = HumanDuration::secs(300);

/// Notes a leeway that is too long, under `leeway` of the table at `path`.
pub(in super::super) fn check_leeway(leeway: HumanDuration, path: &str, problems: &mut Problems) {
    if leeway > MAX_LEEWAY {
        problems.push(join(path, "leeway"), format!("must be at most {:?}", MAX_LEEWAY.0));
    }
}

/// How far an issuer's clock may be off unless the configuration says otherwise.
pub(in super::super) fn default_leeway() -> HumanDuration {
    HumanDuration::secs(30)
}

/// What a claim must be: one of some texts, or, only when the configuration says
/// `false`, anything at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in super::super) enum Expected {
    /// The claim is not looked at.
    #[default]
    Unchecked,
    /// The claim is one of these, or a list that holds one of these.
    OneOf(Vec<String>),
}

/// The rules that a token's claims must keep.
#[derive(Debug)]
pub(in super::super) struct ClaimRules {
    /// Claim `iss`.
    pub(in super::super) issuer: Expected,
    /// Claim `aud`.
    pub(in super::super) audience: Expected,
    /// Claim `azp`: which client the token was issued to (OpenID Connect Core section 2).
    pub(in super::super) authorized_party: Expected,
    /// Claim `client_id`, which is the same in RFC 9068.
    pub(in super::super) client_id: Expected,
    /// Header `typ`, compared without regard to case (RFC 7515 section 4.1.9).
    pub(in super::super) header_typ: Expected,
    /// Claim `typ`.
    pub(in super::super) claim_typ: Option<String>,
    /// How far the issuer's clock may be off.
    pub(in super::super) leeway: Duration,
}

impl ClaimRules {
    /// Checks all of them and answers when the token ends. Inside the leeway behind `exp`
    /// that is the end of the leeway, so that an end is never in the past.
    ///
    /// # Errors
    /// `Rejected` with the rule that failed.
    pub(in super::super) fn check(
        &self,
        header_typ: Option<&str>,
        claims: &Value,
        now: Timestamp,
    ) -> Result<Timestamp, ValidateError> {
        let rejected = ValidateError::Rejected;
        if let Expected::OneOf(types) = &self.header_typ
            && !types.iter().any(|want| header_typ.is_some_and(|typ| same(typ, want)))
        {
            return Err(rejected("header typ is wrong"));
        }
        let claim_typ = claims.get("typ").and_then(Value::as_str);
        if self.claim_typ.is_some() && claim_typ != self.claim_typ.as_deref() {
            return Err(rejected("claim typ is wrong"));
        }
        if !self.admit_issuer(claims) {
            return Err(rejected("issuer is wrong"));
        }
        if !self.audience.admits(claims.get("aud")) {
            return Err(rejected("audience is wrong"));
        }
        let text = |name: &str| claims.get(name).filter(|claim| claim.is_string());
        if !self.authorized_party.admits(text("azp")) || !self.client_id.admits(text("client_id")) {
            return Err(rejected("it was issued to another client"));
        }
        // It takes the key to use such a token, and a copy of it proves nothing (RFC 7800).
        if claims.get("cnf").is_some_and(|cnf| !cnf.is_null()) {
            return Err(rejected("it is bound to a key"));
        }
        let soon = now.plus(self.leeway);
        if time(claims, "nbf", "nbf is no time")?.is_some_and(|nbf| nbf > soon) {
            return Err(rejected("it is not valid yet"));
        }
        if time(claims, "iat", "iat is no time")?.is_some_and(|iat| iat > soon) {
            return Err(rejected("it was issued in the future"));
        }
        let exp = time(claims, "exp", "exp is no time")?.ok_or(rejected("exp is missing"))?;
        let end = if exp > now { exp } else { exp.plus(self.leeway) };
        if end > now { Ok(end) } else { Err(rejected("it has expired")) }
    }

    /// Whether the issuer is the right one. It is one text; only an audience may be a list.
    pub(super) fn admit_issuer(&self, claims: &Value) -> bool {
        self.issuer.admits(claims.get("iss").filter(|iss| iss.is_string()))
    }
}

impl Expected {
    /// Whether the claim may be so.
    pub(in super::super) fn admits(&self, claim: Option<&Value>) -> bool {
        let Self::OneOf(allowed) = self else { return true };
        let fits = |v: &Value| v.as_str().is_some_and(|text| allowed.iter().any(|a| a == text));
        match claim {
            Some(Value::Array(items)) => items.iter().any(fits),
            Some(one) => fits(one),
            None => false,
        }
    }
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let rule =
            || serde::de::Error::custom("must be a text, a list of texts, or false for unchecked");
        match Value::deserialize(d)? {
            Value::Bool(false) => Ok(Self::Unchecked),
            Value::String(one) if !one.is_empty() => Ok(Self::OneOf(vec![one])),
            Value::Array(items) if !items.is_empty() => {
                let text = |v| if let Value::String(text) = v { Some(text) } else { None };
                items.into_iter().map(text).collect::<Option<_>>().map(Self::OneOf).ok_or_else(rule)
            }
            _ => Err(rule()),
        }
    }
}

/// A `NumericDate` as this crate reads it: a whole number of seconds within four-digit
/// years. A fraction, a text, a negative or a huge number is no time.
fn time(
    claims: &Value,
    name: &str,
    rule: &'static str,
) -> Result<Option<Timestamp>, ValidateError> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_i64() {
            Some(secs) if (0..=MAX_TIME).contains(&secs) => Ok(Some(Timestamp::from_secs(secs))),
            _ => Err(ValidateError::Rejected(rule)),
        },
    }
}

/// Media types, with or without `application/`.
fn same(a: &str, b: &str) -> bool {
    let short = |t: &str| {
        let t = t.to_ascii_lowercase();
        t.strip_prefix("application/").map(str::to_owned).unwrap_or(t)
    };
    short(a) == short(b)
}
