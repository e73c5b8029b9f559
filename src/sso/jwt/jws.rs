//! The compact JWS form (RFC 7515 section 3.1), taken apart and not yet believed:
//! an [`UnverifiedJws`] gives its claims away only to who has checked the signature.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::super::ValidateError;
use super::claims::ClaimRules;
use crate::domain::Timestamp;

/// The longest accepted token, in bytes.
pub(in super::super) const MAX_LEN: usize = 16 * 1024;
/// The longest accepted key id, in bytes; it is only ever compared.
const MAX_KID_LEN: usize = 512;

/// A token in its parts.
#[derive(Debug)]
pub(in super::super) struct UnverifiedJws<'t> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    typ: Option<String>,
    /// What the signature is over.
    pub(super) signed: &'t [u8],
    pub(super) signature: Vec<u8>,
    claims: &'t str,
}

impl<'t> UnverifiedJws<'t> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// `Malformed` when it is no compact JWS. `Rejected` when it is one of a kind that is
    /// never believed: it brings or points to its own key (`jwk`, `jku`, `x5u`, `x5c`;
    /// RFC 8725 section 3.10), demands an extension (`crit`), or names an algorithm that
    /// is none or unknown.
    pub(in super::super) fn parse(token: &'t str) -> Result<Self, ValidateError> {
        let malformed = ValidateError::Malformed;
        if token.len() > MAX_LEN {
            return Err(malformed("it is too long"));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(malformed("it is no JWS"))?;
        let (header, claims) = signed.split_once('.').ok_or(malformed("it is no JWS"))?;
        if claims.contains('.') {
            return Err(malformed("it is no JWS"));
        }
        let header = decode(header).ok_or(malformed("header is not base64url"))?;
        let header: Header<'_> =
            serde_json::from_slice(&header).map_err(|_| malformed("header has a wrong shape"))?;
        let signature = decode(signature).ok_or(malformed("signature is not base64url"))?;

        if header.jku || header.jwk || header.x5u || header.x5c {
            return Err(ValidateError::Rejected("header brings its own key"));
        }
        if header.crit {
            return Err(ValidateError::Rejected("header demands an extension"));
        }
        if header.kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_LEN) {
            return Err(ValidateError::Rejected("key id is too long"));
        }
        Ok(Self {
            algorithm: algorithm(&header.alg).ok_or(UNFIT_ALGORITHM)?,
            kid: header.kid.map(Cow::into_owned),
            typ: header.typ.map(Cow::into_owned),
            signed: signed.as_bytes(),
            signature,
            claims,
        })
    }

    /// Whether the header says which key it was signed with.
    pub(in super::super) fn names_a_key(&self) -> bool {
        self.kid.is_some()
    }

    /// The claims and when they end, once the signature has been verified.
    ///
    /// # Errors
    /// `Malformed` when they are not a JSON object, `Rejected` when they break a rule.
    pub(in super::super) fn checked_claims(
        &self,
        rules: &ClaimRules,
        now: Timestamp,
    ) -> Result<(Value, Timestamp), ValidateError> {
        let claims = self.claims()?;
        let end = rules.check(self.typ.as_deref(), &claims, now)?;
        Ok((claims, end))
    }

    /// Whether it says that it is of the issuer that the rules demand, which nobody believes yet.
    ///
    /// # Errors
    /// `Malformed` when the claims are not a JSON object, `Rejected` for another issuer.
    pub(super) fn check_issuer(&self, rules: &ClaimRules) -> Result<(), ValidateError> {
        if rules.admit_issuer(&self.claims()?) { Ok(()) } else { Err(OTHER_ISSUER) }
    }

    fn claims(&self) -> Result<Value, ValidateError> {
        decode(self.claims)
            .and_then(|json| serde_json::from_slice::<Value>(&json).ok())
            .filter(Value::is_object)
            .ok_or(ValidateError::Malformed("claims are not a JSON object"))
    }
}

/// The answer to an algorithm that is not on the list, `none` included.
pub(super) const UNFIT_ALGORITHM: ValidateError =
    ValidateError::Rejected("algorithm is not allowed");

/// The answer to a token of another issuer.
pub(super) const OTHER_ISSUER: ValidateError = ValidateError::Rejected("issuer is wrong");

#[derive(Deserialize)]
struct Header<'h> {
    #[serde(borrow)]
    alg: Cow<'h, str>,
    #[serde(borrow, default)]
    kid: Option<Cow<'h, str>>,
    #[serde(borrow, default)]
    typ: Option<Cow<'h, str>>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
    #[serde(default, deserialize_with = "present")]
    jku: bool,
    #[serde(default, deserialize_with = "present")]
    jwk: bool,
    #[serde(default, deserialize_with = "present")]
    x5u: bool,
    #[serde(default, deserialize_with = "present")]
    x5c: bool,
}

/// A member that matters only by being there, whatever its value.
fn present<'de, D: Deserializer<'de>>(d: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(d).map(|_| true)
}

/// Names are case-sensitive (RFC 7515 section 4.1.1); `none` is not among them.
fn algorithm(name: &str) -> Option<Algorithm> {
    name.parse().ok()
}

fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}
