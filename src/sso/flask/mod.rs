//! `flask`: opens the session cookies of Flask (`SecureCookieSessionInterface`, signed by
//! itsdangerous), with no call. `format.rs` reads what itsdangerous writes, `tagged.rs` undoes
//! Flask's tags for what JSON has no words for.
//!
//! It does not see a log-out: the cookie is the whole session.

mod format;
mod tagged;

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use self::format::Opener;
pub(super) use self::format::key as signer_key;
use super::mapping::{EXPIRED, Fields, Mapping};
use super::opens::Opens;
use super::timed_text::MAX_LEN;
use super::{SsoValidator, ValidateError, secrets};
use crate::domain::setting::{HumanDuration, Problems, SecretSource, join};
use crate::domain::{Timestamp, Verified};

/// `SecureCookieSessionInterface.salt`.
const SALT: &str = "cookie-session";
/// Where Flask-Login keeps who is logged in.
const USER_ID: &str = "_user_id";

/// The `flask` table; the names and defaults are those of Flask's configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    secret_key: SecretSource,
    #[serde(default)]
    secret_key_fallbacks: Vec<SecretSource>,
    #[serde(default = "default_salt")]
    salt: String,
    #[serde(default = "default_lifetime")]
    permanent_session_lifetime: HumanDuration,
    #[serde(default)]
    fields: Fields,
}

fn default_salt() -> String {
    SALT.to_owned()
}

fn default_lifetime() -> HumanDuration {
    HumanDuration::secs(31 * 86_400)
}

impl Settings {
    pub(super) fn build(
        self,
        path: &str,
        problems: &mut Problems,
    ) -> Option<Arc<dyn SsoValidator>> {
        self.validator(path, problems).map(|validator| Arc::new(validator) as _)
    }

    fn validator(self, path: &str, problems: &mut Problems) -> Option<Flask> {
        let before = problems.len();
        if self.permanent_session_lifetime.0 < Duration::from_secs(1) {
            problems.push(join(path, "permanent_session_lifetime"), "must be at least a second");
        }
        let secrets = secrets::rotated(path, &self.secret_key, &self.secret_key_fallbacks);
        let validator = Flask {
            opener: Opener::load(&self.salt, secrets, problems),
            lifetime: self.permanent_session_lifetime.0,
            mapping: self.fields.mapping(USER_ID),
        };
        (problems.len() == before).then_some(validator)
    }
}

#[derive(Debug)]
struct Flask {
    opener: Opener,
    lifetime: Duration,
    mapping: Mapping,
}

impl Opens for Flask {
    const KIND: &'static str = "flask";
    const MAX_LEN: usize = MAX_LEN;

    fn has_made(&self, value: &str) -> bool {
        self.opener.open(value).is_ok()
    }

    /// MAC, age, mapping. The age has a limit whether or not the session is "permanent", and
    /// a timestamp of the future is refused, as itsdangerous does.
    fn decide(&self, value: &str, now: Timestamp) -> Result<Verified, ValidateError> {
        let opened = self.opener.open(value)?;
        if opened.signed_at > now {
            return Err(ValidateError::Rejected("it was signed in the future"));
        }
        let end = opened.signed_at.plus(self.lifetime);
        if end <= now {
            return Err(EXPIRED);
        }
        self.mapping.apply(&opened.session, Some(end), now)
    }
}

#[cfg(test)]
mod tests;
