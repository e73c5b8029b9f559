//! `django`: opens the sessions of Django's `signed_cookies` backend
//! (`django.contrib.sessions.backends.signed_cookies`), with no call. `format.rs` reads what
//! Django's `signing` module writes; here stands what Django asks of a session that it loads.
//!
//! It does not see a log-out or a changed password: the cookie is the whole session, and
//! `_auth_user_hash` can only be checked by who reads the user's row.

pub(super) mod format;

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use self::format::Opener;
pub(super) use self::format::salted_key;
use super::mapping::{EXPIRED, Fields, Mapping};
use super::opens::Opens;
use super::timed_text::MAX_LEN;
use super::{SsoValidator, ValidateError, iso_time, secrets};
use crate::domain::setting::{HumanDuration, Problems, SecretSource, join};
use crate::domain::{Timestamp, Verified};

/// `SessionStore.key_salt` of the backend.
const SALT: &str = "django.contrib.sessions.backends.signed_cookies";
/// Where `django.contrib.auth` keeps who is logged in (`SESSION_KEY`), which of
/// `AUTHENTICATION_BACKENDS` said so (`BACKEND_SESSION_KEY`), and a hash of the password at that time
/// (`HASH_SESSION_KEY`).
pub(super) const USER_ID: &str = "_auth_user_id";
const USER_BACKEND: &str = "_auth_user_backend";
pub(super) const USER_HASH: &str = "_auth_user_hash";
/// What `request.session.set_expiry` leaves: seconds, or a time.
const SESSION_EXPIRY: &str = "_session_expiry";

/// The `django` table; the names and defaults are those of Django's settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    secret_key: SecretSource,
    #[serde(default)]
    secret_key_fallbacks: Vec<SecretSource>,
    #[serde(default = "default_salt")]
    salt: String,
    #[serde(default = "default_age")]
    session_cookie_age: HumanDuration,
    #[serde(default = "default_backends")]
    authentication_backends: Vec<String>,
    #[serde(default)]
    fields: Fields,
}

fn default_salt() -> String {
    SALT.to_owned()
}

fn default_age() -> HumanDuration {
    HumanDuration::secs(1_209_600)
}

/// `AUTHENTICATION_BACKENDS` as Django has it.
pub(super) fn default_backends() -> Vec<String> {
    vec!["django.contrib.auth.backends.ModelBackend".to_owned()]
}

impl Settings {
    pub(super) fn build(
        self,
        path: &str,
        problems: &mut Problems,
    ) -> Option<Arc<dyn SsoValidator>> {
        self.validator(path, problems).map(|validator| Arc::new(validator) as _)
    }

    fn validator(self, path: &str, problems: &mut Problems) -> Option<Django> {
        let before = problems.len();
        if self.session_cookie_age.0 < Duration::from_secs(1) {
            problems.push(join(path, "session_cookie_age"), "must be at least a second");
        }
        if self.authentication_backends.is_empty() {
            problems.push(join(path, "authentication_backends"), "must name at least one backend");
        }
        let secrets = secrets::rotated(path, &self.secret_key, &self.secret_key_fallbacks);
        let validator = Django {
            opener: Opener::load(&self.salt, secrets, problems),
            age: self.session_cookie_age.0,
            backends: self.authentication_backends,
            mapping: self.fields.mapping(USER_ID),
        };
        (problems.len() == before).then_some(validator)
    }
}

#[derive(Debug)]
struct Django {
    opener: Opener,
    age: Duration,
    backends: Vec<String>,
    mapping: Mapping,
}

impl Opens for Django {
    const KIND: &'static str = "django";
    const MAX_LEN: usize = MAX_LEN;

    fn has_made(&self, value: &str) -> bool {
        self.opener.open(value).is_ok()
    }

    /// MAC, age, who logged in, mapping.
    fn decide(&self, value: &str, now: Timestamp) -> Result<Verified, ValidateError> {
        let opened = self.opener.open(value)?;
        // Like Django, takes a timestamp of the future: only the age has a limit.
        let end = end(&opened.session, opened.signed_at, self.age);
        if end <= now {
            return Err(EXPIRED);
        }
        check_log_in(&opened.session, &self.backends)?;
        self.mapping.apply(&opened.session, Some(end), now)
    }
}

/// As `django.contrib.auth.get_user` does: a log-in counts while its backend does, and with
/// the hash of the password (which only the user's row can confirm).
pub(super) fn check_log_in(session: &Value, backends: &[String]) -> Result<(), ValidateError> {
    if session.get(USER_ID).is_none() {
        return Ok(());
    }
    let text = |name| session.get(name).and_then(Value::as_str);
    if !text(USER_BACKEND).is_some_and(|name| backends.iter().any(|known| known == name)) {
        return Err(ValidateError::Rejected("authentication backend is not one of the settings'"));
    }
    if text(USER_HASH).is_none_or(str::is_empty) {
        return Err(ValidateError::Rejected("log-in has no hash of the password"));
    }
    Ok(())
}

/// When the session ends: `SESSION_COOKIE_AGE` after it was signed, or sooner if the
/// application said so. (Django leaves "sooner" to the browser, ticket 19201; a copied cookie
/// must not outlive it here.) A longer one does not count there either, nor does a time
/// without an offset, which is in the application's time zone.
fn end(session: &Value, signed_at: Timestamp, age: Duration) -> Timestamp {
    let longest = signed_at.plus(age);
    asked_end(session, signed_at).map_or(longest, |asked| asked.min(longest))
}

/// The end that the application asked for with `set_expiry`, if it did.
pub(super) fn asked_end(session: &Value, signed_at: Timestamp) -> Option<Timestamp> {
    match session.get(SESSION_EXPIRY) {
        Some(Value::Number(secs)) => secs
            .as_i64()
            .filter(|&secs| secs != 0)
            .map(|secs| Timestamp::from_secs(signed_at.secs().saturating_add(secs))),
        Some(Value::String(time)) => iso_time::parse(time),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
