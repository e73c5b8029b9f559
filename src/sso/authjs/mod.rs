//! `authjs`: the session cookie of Auth.js (`@auth/core`, version 5) and NextAuth.js
//! (version 4) with the JWT session strategy, a JWE. Needs no I/O. Keys are derived at boot.
//! A large session comes as `<name>.0`, `<name>.1` …: `http` joins those before it gets here.

mod jwe;
mod key;
mod settings;

use std::fmt;

use serde_json::Value;

use self::jwe::UnverifiedJwe;
use self::key::ContentKey;
pub(super) use self::settings::Settings;
use super::ValidateError;
use super::jwt::claims::ClaimRules;
use super::mapping::Mapping;
use super::opens::Opens;
use crate::domain::{Timestamp, Verified};

/// The longest accepted value, in bytes, joined from its chunks.
const MAX_LEN: usize = 32 * 1024;

struct AuthJs {
    keys: Vec<ContentKey>,
    /// `exp`, `nbf` and `iat`, with Auth.js's tolerance.
    rules: ClaimRules,
    mapping: Mapping,
}

impl fmt::Debug for AuthJs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthJs").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

impl Opens for AuthJs {
    const KIND: &'static str = "authjs";
    const MAX_LEN: usize = MAX_LEN;

    fn has_made(&self, value: &str) -> bool {
        UnverifiedJwe::parse(value).and_then(|jwe| jwe.open(&self.keys)).is_ok()
    }

    fn decide(&self, value: &str, now: Timestamp) -> Result<Verified, ValidateError> {
        let claims = UnverifiedJwe::parse(value)?.open(&self.keys)?;
        let claims: Value = serde_json::from_slice(&claims)
            .map_err(|_| ValidateError::Malformed("its claims are not json"))?;
        let end = self.rules.check(None, &claims, now)?;
        self.mapping.apply(&claims, Some(end), now)
    }
}
