//! `better_auth`: opens Better Auth's cookie cache, the cookie `better-auth.session_data` in the
//! library's default strategy `compact`, with no call. `format.rs` checks who wrote it; here
//! stands what the library asks of a cached session before it believes it.
//!
//! It sees a log-out or a revoked session only when the cached copy has expired
//! (`cookieCache.maxAge`), exactly as the application does. The other cookie,
//! `better-auth.session_token`, only names a row.

mod format;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use self::format::Opener;
use super::mapping::{Fields, Mapping, Term};
use super::opens::Opens;
use super::{SsoValidator, ValidateError, iso_time, secrets};
use crate::domain::setting::{Problems, SecretSource, join};
use crate::domain::{Timestamp, Verified};

/// The longest accepted cookie, in bytes; the library cuts longer ones into several.
const MAX_LEN: usize = 4096;
/// Where the session's own end stands.
const SESSION_END: &str = "/session/expiresAt";

/// The `better_auth` table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The current secret, and those that it replaced.
    secrets: Vec<SecretSource>,
    /// `session.cookieCache.version`.
    #[serde(default = "default_version")]
    version: String,
    #[serde(default)]
    fields: Fields,
}

fn default_version() -> String {
    "1".to_owned()
}

impl Settings {
    pub(super) fn build(
        self,
        path: &str,
        problems: &mut Problems,
    ) -> Option<Arc<dyn SsoValidator>> {
        self.validator(path, problems).map(|validator| Arc::new(validator) as _)
    }

    fn validator(mut self, path: &str, problems: &mut Problems) -> Option<BetterAuth> {
        let before = problems.len();
        let path = join(path, "secrets");
        let secrets = secrets::listed(&self.secrets, &path, problems);
        let opener = Opener::load(secrets, problems);
        self.fields.session_id.get_or_insert_with(|| Term::place("/session/id"));
        let validator =
            BetterAuth { opener, version: self.version, mapping: self.fields.mapping("/user/id") };
        (problems.len() == before).then_some(validator)
    }
}

#[derive(Debug)]
struct BetterAuth {
    opener: Opener,
    version: String,
    mapping: Mapping,
}

impl Opens for BetterAuth {
    const KIND: &'static str = "better_auth";
    const MAX_LEN: usize = MAX_LEN;

    fn has_made(&self, value: &str) -> bool {
        self.opener.open(value).is_ok()
    }

    /// MAC, the cached copy's end, version, the session's end, mapping. What is minted may
    /// live as long as the session: the copy's end only says until when it need not be asked for.
    fn decide(&self, value: &str, now: Timestamp) -> Result<Verified, ValidateError> {
        let rejected = ValidateError::Rejected;
        let opened = self.opener.open(value)?;
        if opened.expires_at <= now {
            return Err(rejected("cached copy has expired"));
        }
        // A session without a version is of version 1, as in the library.
        let version = opened.session.get("version").map_or(Some("1"), Value::as_str);
        if version != Some(&self.version) {
            return Err(rejected("cached copy has another version"));
        }
        let end = opened.session.pointer(SESSION_END).and_then(Value::as_str);
        let end = end.and_then(iso_time::parse).ok_or(rejected("session's end is no time"))?;
        if end <= now {
            return Err(rejected("session has ended"));
        }
        self.mapping.apply(&opened.session, Some(end), now)
    }
}

#[cfg(test)]
mod tests;
