//! The `authjs` table: reads it, derives the keys and builds the validator.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::super::SsoValidator;
use super::super::jwt::claims::{ClaimRules, Expected};
use super::super::mapping::Fields;
use super::super::secrets;
use super::AuthJs;
use super::key::ContentKey;
use crate::domain::setting::{Problems, SecretSource, join};

/// How far Auth.js lets clocks be off (`clockTolerance` in its `jwt.ts`).
const TOLERANCE: Duration = Duration::from_secs(15);
/// Auth.js 5's cookie on an `https:` site.
const COOKIE: &str = "__Secure-authjs.session-token";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Settings {
    /// The application's secrets (`AUTH_SECRET`); all of them are live.
    secret: Vec<SecretSource>,
    /// The major version that makes the cookie: 4 or 5.
    #[serde(default = "default_version")]
    version: u8,
    /// The cookie's name, chunk numbers left out: part of version 5's key.
    cookie: Option<String>,
    /// Which claims say what.
    #[serde(default)]
    claims: Fields,
}

fn default_version() -> u8 {
    5
}

impl Settings {
    pub(in super::super) fn build(
        self,
        path: &str,
        problems: &mut Problems,
    ) -> Option<Arc<dyn SsoValidator>> {
        let before = problems.len();
        let at = join(path, "secret");
        let secrets = secrets::loaded(&self.secret, &at, problems);
        let cookie = self.cookie.as_deref();
        let derive = |secret| match self.version {
            4 => ContentKey::version_4(secret),
            _ => ContentKey::version_5(secret, cookie.unwrap_or(COOKIE)),
        };
        let keys: Option<Vec<_>> = secrets.iter().map(derive).collect();
        if keys.is_none() {
            problems.push(at, "no key can be derived from it");
        }
        match (self.version, cookie) {
            (5, Some("")) => problems.push(join(path, "cookie"), "must not be empty"),
            (4, None) | (5, _) => {}
            (4, Some(_)) => {
                problems.push(join(path, "cookie"), "has no part in version 4: leave it out");
            }
            _ => problems.push(join(path, "version"), "must be 4 or 5"),
        }
        let rules = ClaimRules {
            issuer: Expected::Unchecked,
            audience: Expected::Unchecked,
            authorized_party: Expected::Unchecked,
            client_id: Expected::Unchecked,
            header_typ: Expected::Unchecked,
            claim_typ: None,
            leeway: TOLERANCE,
        };
        let validator = AuthJs { keys: keys?, rules, mapping: self.claims.claims() };
        (problems.len() == before).then(|| Arc::new(validator) as _)
    }
}
