//! Profiles: what a token looks like. Each file turns typed inputs into the claims' bytes,
//! in the vendor's order, and reads them back strictly; no keys, no I/O, no clock.

pub(super) mod ags;
pub(super) mod answerhub;
pub(super) mod standard;

use serde::{Deserialize, Serialize};

use super::prepared::PreparedKey;
use super::{Algorithm, TokenError};
use crate::domain::Attributes;

/// Whose token format an endpoint mints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// AnswerHub's single JWT (HS512, no `kid`).
    Answerhub,
    /// The AGS access and refresh pair (HS256 with `kid`).
    Ags,
    /// RFC 9068 with an asymmetric key.
    Standard,
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenType {
    /// Good at APIs.
    Access,
    /// Good at refresh only.
    Refresh,
}

impl Profile {
    /// Its name as the configuration spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Answerhub => "answerhub",
            Self::Ags => "ags",
            Self::Standard => "standard",
        }
    }

    /// Whether its tokens may be signed with this algorithm.
    #[must_use]
    pub fn allows(self, alg: Algorithm) -> bool {
        match self {
            Self::Answerhub => alg == Algorithm::HS512,
            Self::Ags => alg == Algorithm::HS256,
            Self::Standard => !alg.is_symmetric(),
        }
    }

    /// The algorithm it has when none is configured.
    #[must_use]
    pub fn default_algorithm(self) -> Algorithm {
        match self {
            Self::Answerhub => Algorithm::HS512,
            Self::Ags => Algorithm::HS256,
            Self::Standard => Algorithm::ES256,
        }
    }

    /// [`Profile::allows`] in words.
    pub(super) fn algorithm_rule(self) -> &'static str {
        match self {
            Self::Answerhub => "profile answerhub signs with HS512 only",
            Self::Ags => "profile ags signs with HS256 only",
            Self::Standard => "profile standard signs with ES256, ES384, EdDSA, RS256 or PS256",
        }
    }

    /// The header that a key writes, as JSON. Key ids and algorithm names need no escaping.
    pub(super) fn header(self, kind: TokenType, key: &PreparedKey) -> String {
        let (kid, alg) = (&key.kid, key.alg);
        match (self, kind) {
            (Self::Answerhub, _) => format!(r#"{{"alg":"{alg}"}}"#),
            (Self::Ags, _) => format!(r#"{{"kid":"{kid}","alg":"{alg}","typ":"JWT"}}"#),
            // RFC 9068 section 2.1.
            (Self::Standard, TokenType::Access) => {
                format!(r#"{{"alg":"{alg}","typ":"at+jwt","kid":"{kid}"}}"#)
            }
            (Self::Standard, TokenType::Refresh) => {
                format!(r#"{{"alg":"{alg}","typ":"rt+jwt","kid":"{kid}"}}"#)
            }
        }
    }
}

/// The claims' bytes.
fn json(claims: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(768);
    #[expect(clippy::expect_used, reason = "claims are texts, numbers and JSON values")]
    serde_json::to_writer(&mut bytes, claims).expect("claims serialise");
    bytes
}

/// Adds those of a session's attributes that are named, behind the profile's own claims. None
/// has the name of one of those: the configuration is held to that.
pub(super) fn extend(claims: &mut Vec<u8>, names: &[String], attributes: &Attributes) {
    for name in names {
        let Some(value) = attributes.get(name) else { continue };
        let closed = claims.pop();
        debug_assert_eq!(closed, Some(b'}'), "claims are an object");
        claims.push(b',');
        append(claims, name);
        claims.push(b':');
        append(claims, value);
        claims.push(b'}');
    }
}

fn append(claims: &mut Vec<u8>, value: &impl Serialize) {
    #[expect(clippy::expect_used, reason = "names are texts and values are JSON already")]
    serde_json::to_writer(claims, value).expect("a JSON value serialises");
}

/// Reads claims. Unknown members are allowed, so that a newer version's tokens verify while
/// an update rolls; known ones are there once and have their type.
fn read<'a, T: Deserialize<'a>>(claims: &'a [u8]) -> Result<T, TokenError> {
    serde_json::from_slice(claims).map_err(|_| TokenError::Claims("not the claims of this profile"))
}
