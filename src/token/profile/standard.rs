//! The claims of the `standard` profile: RFC 9068 section 2.2 with Cambio's `tid` (tenant),
//! `sid` (session), and `acc` (account) or `uid` (user id) beside `sub`. A refresh token is
//! told apart by its header's `typ` and by its audience, which is the issuer.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::super::TokenError;
use super::super::numeric::NumericDate;
use super::super::presented::{Sid, StandardJti};
use crate::domain::{AccountId, DeviceId, TenantId, Timestamp};
use crate::session::SessionId;
use uuid::Uuid;

/// The token of the AnswerHub endpoint, where there is no session of Cambio's.
#[derive(Debug, Serialize)]
pub(in super::super) struct SiteClaims<'a> {
    pub(in super::super) iss: &'a str,
    pub(in super::super) sub: &'a str,
    pub(in super::super) aud: &'a str,
    /// RFC 9068 demands one; the site itself is the client, so it is the tenant.
    pub(in super::super) client_id: &'a TenantId,
    pub(in super::super) iat: Timestamp,
    pub(in super::super) exp: Timestamp,
    pub(in super::super) jti: Uuid,
    pub(in super::super) tid: &'a TenantId,
    /// A digest of the upstream session's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) sid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) scope: Option<&'a str>,
    pub(in super::super) roles: &'a [String],
    /// When Cambio's validator saw the proof.
    pub(in super::super) auth_time: Timestamp,
    /// The user's stable id.
    pub(in super::super) uid: &'a str,
}

/// Either token of a pair.
#[derive(Debug, Serialize)]
pub(in super::super) struct SessionClaims<'a> {
    pub(in super::super) iss: &'a str,
    pub(in super::super) sub: &'a str,
    pub(in super::super) aud: &'a str,
    /// The device.
    pub(in super::super) client_id: &'a DeviceId,
    pub(in super::super) iat: Timestamp,
    pub(in super::super) exp: Timestamp,
    pub(in super::super) jti: StandardJti,
    pub(in super::super) tid: &'a TenantId,
    pub(in super::super) sid: Sid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) scope: Option<&'a str>,
    /// Absent from a refresh token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) roles: Option<&'a [String]>,
    pub(in super::super) auth_time: Timestamp,
    pub(in super::super) acc: &'a AccountId,
}

impl SiteClaims<'_> {
    /// The claims' bytes.
    pub(in super::super) fn to_json(&self) -> Vec<u8> {
        super::json(self)
    }
}

impl SessionClaims<'_> {
    /// The claims' bytes.
    pub(in super::super) fn to_json(&self) -> Vec<u8> {
        super::json(self)
    }
}

/// What is read back of a site's token.
#[derive(Debug, Deserialize)]
pub(in super::super) struct PresentedSite<'a> {
    #[serde(borrow)]
    pub(in super::super) iss: Cow<'a, str>,
    #[serde(borrow)]
    pub(in super::super) sub: Cow<'a, str>,
    #[serde(borrow)]
    pub(in super::super) aud: Cow<'a, str>,
    #[serde(borrow)]
    pub(in super::super) tid: Cow<'a, str>,
    pub(in super::super) uid: String,
    pub(in super::super) exp: NumericDate,
    pub(in super::super) roles: Vec<String>,
}

impl<'a> PresentedSite<'a> {
    pub(in super::super) fn read(claims: &'a [u8]) -> Result<Self, TokenError> {
        super::read(claims)
    }
}

/// What is read back of either token of a pair.
#[derive(Debug, Deserialize)]
pub(in super::super) struct PresentedSession<'a> {
    #[serde(borrow)]
    pub(in super::super) iss: Cow<'a, str>,
    #[serde(borrow)]
    pub(in super::super) aud: Cow<'a, str>,
    #[serde(borrow)]
    pub(in super::super) client_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(in super::super) tid: Cow<'a, str>,
    #[serde(borrow)]
    pub(in super::super) acc: Cow<'a, str>,
    #[serde(borrow)]
    sid: Cow<'a, str>,
    #[serde(borrow)]
    jti: Cow<'a, str>,
    pub(in super::super) exp: NumericDate,
}

impl<'a> PresentedSession<'a> {
    pub(in super::super) fn read(claims: &'a [u8]) -> Result<Self, TokenError> {
        super::read(claims)
    }

    /// The session and generation, if this `jti` is one of a token of the asked type.
    pub(in super::super) fn session(&self, refresh: bool) -> Result<(SessionId, u32), TokenError> {
        let jti =
            StandardJti::parse(&self.jti).ok_or(TokenError::Claims("jti names no session"))?;
        if jti.refresh != refresh {
            return Err(TokenError::WrongType);
        }
        if Sid::parse(&self.sid) != Some(jti.sid.0) {
            return Err(TokenError::Claims("sid and jti differ"));
        }
        Ok((jti.sid.0, jti.generation))
    }
}
