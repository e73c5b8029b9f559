//! The claims of AnswerHub's JWT, in the vendor's order, with `roles` after them so that
//! an API can authorise without a call.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::TokenError;
use super::super::numeric::NumericDate;
use crate::domain::Timestamp;

/// What is minted.
#[derive(Debug, Serialize)]
pub(in super::super) struct Claims<'a> {
    /// The user's name.
    pub(in super::super) sub: &'a str,
    /// See [`user`].
    pub(in super::super) user: String,
    pub(in super::super) iat: Timestamp,
    /// The site's URL.
    pub(in super::super) iss: &'a str,
    /// The same, unless configured.
    pub(in super::super) aud: &'a str,
    pub(in super::super) jti: Uuid,
    pub(in super::super) exp: Timestamp,
    pub(in super::super) roles: &'a [String],
}

impl Claims<'_> {
    /// The claims' bytes.
    pub(in super::super) fn to_json(&self) -> Vec<u8> {
        super::json(self)
    }
}

/// Claim `user`: the standard base64 of the user's id as text, which is a UUID in the
/// vendor's own tokens.
pub(in super::super) fn user(id: &str) -> String {
    STANDARD.encode(id)
}

/// What is read back.
#[derive(Debug, Deserialize)]
pub(in super::super) struct Presented<'a> {
    #[serde(borrow)]
    pub(in super::super) sub: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    pub(in super::super) iss: Cow<'a, str>,
    #[serde(borrow)]
    pub(in super::super) aud: Cow<'a, str>,
    pub(in super::super) exp: NumericDate,
    /// Absent in the vendor's own tokens.
    #[serde(default)]
    pub(in super::super) roles: Vec<String>,
}

impl<'a> Presented<'a> {
    pub(in super::super) fn read(claims: &'a [u8]) -> Result<Self, TokenError> {
        super::read(claims)
    }

    /// The user's id.
    pub(in super::super) fn user_id(&self) -> Result<String, TokenError> {
        let bytes =
            STANDARD.decode(&*self.user).map_err(|_| TokenError::Claims("user is not base64"))?;
        String::from_utf8(bytes).map_err(|_| TokenError::Claims("user is not UTF-8"))
    }
}
