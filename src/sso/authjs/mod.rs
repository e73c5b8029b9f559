//! `authjs`: the session cookie of Auth.js (`@auth/core`, version 5) and NextAuth.js
//! (version 4) with the JWT session strategy, a JWE. Needs no I/O. Keys are derived at boot.
//! A large session comes as `<name>.0`, `<name>.1` …: `http` joins those before it gets here.

mod jwe;
mod key;
mod settings;

use std::fmt;

use async_trait::async_trait;
use serde_json::Value;

use self::jwe::UnverifiedJwe;
use self::key::ContentKey;
pub(super) use self::settings::Settings;
use super::jwt::claims::ClaimRules;
use super::mapping::Mapping;
use super::{SsoValidator, ValidateCx, ValidateError, credential};
use crate::domain::{Credential, CredentialKind, Timestamp, Verified};

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

#[async_trait]
impl SsoValidator for AuthJs {
    fn kind(&self) -> &'static str {
        "authjs"
    }

    fn accepts(&self, kind: CredentialKind) -> bool {
        matches!(kind, CredentialKind::Cookie | CredentialKind::Token)
    }

    fn recognizes(&self, credential: &Credential) -> bool {
        let opens = |value| UnverifiedJwe::parse(value)?.open(&self.keys).map(drop);
        credential::text(credential, MAX_LEN).and_then(opens).is_ok()
    }

    fn is_selective(&self) -> bool {
        true
    }

    async fn validate(
        &self,
        credential: &Credential,
        cx: &ValidateCx<'_>,
    ) -> Result<Verified, ValidateError> {
        self.decide(credential::text(credential, MAX_LEN)?, cx.now)
    }
}

impl AuthJs {
    fn decide(&self, value: &str, now: Timestamp) -> Result<Verified, ValidateError> {
        let claims = UnverifiedJwe::parse(value)?.open(&self.keys)?;
        let claims: Value = serde_json::from_slice(&claims)
            .map_err(|_| ValidateError::Malformed("its claims are not json"))?;
        let end = self.rules.check(None, &claims, now)?;
        self.mapping.apply(&claims, Some(end), now)
    }
}
