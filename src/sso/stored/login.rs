//! What Django asks of a stored session that it loads: its signature, that the log-in's backend
//! still counts and, with the user's row, that the password is still the one of the log-in
//! (`django.contrib.auth.get_user`). Asks nobody; the kind fetches the row.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::django::format::Opener;
use super::super::hmac_keys::HmacKeys;
use super::super::secrets::rotated;
use super::super::{ValidateError, django};
use crate::domain::setting::{Problems, SecretSource, join};
use crate::domain::{SecretString, Timestamp};

/// `SessionStore.key_salt` of the backends `db` and `cached_db`.
const SESSION_SALT: &str = "django.contrib.sessions.SessionStore";
/// The salt of `AbstractBaseUser.get_session_auth_hash`.
const HASH_SALT: &str = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash";

/// The `django` table; names and defaults are those of Django's settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct LoginSettings {
    secret_key: SecretSource,
    #[serde(default)]
    secret_key_fallbacks: Vec<SecretSource>,
    #[serde(default = "session_salt")]
    salt: String,
    #[serde(default = "django::default_backends")]
    authentication_backends: Vec<String>,
    /// Selects `user_password` by the user's id.
    user_query: Option<String>,
    #[serde(default = "hash_salt")]
    session_auth_hash_salt: String,
}

fn session_salt() -> String {
    SESSION_SALT.to_owned()
}

fn hash_salt() -> String {
    HASH_SALT.to_owned()
}

impl LoginSettings {
    pub(super) fn user_query(&self) -> Option<&str> {
        self.user_query.as_deref()
    }
}

/// The row of a user.
pub(in super::super) struct UserRow {
    /// `user_password`: the hash that Django keeps.
    pub(in super::super) password: SecretString,
    /// What else the query selects.
    pub(in super::super) columns: Map<String, Value>,
}

/// Checks log-ins.
#[derive(Debug)]
pub(super) struct Login {
    opener: Opener,
    hashes: HmacKeys,
    backends: Vec<String>,
}

/// A session whose signature is right.
pub(super) struct Opened {
    pub(super) session: Value,
    /// When the application lets it end, if it says so.
    pub(super) end: Option<Timestamp>,
}

impl Login {
    pub(super) fn load(
        settings: LoginSettings,
        path: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        let before = problems.len();
        if settings.authentication_backends.is_empty() {
            problems.push(join(path, "authentication_backends"), "must name at least one backend");
        }
        let secrets = || rotated(path, &settings.secret_key, &settings.secret_key_fallbacks);
        let opener = Opener::load(&settings.salt, secrets(), problems);
        if problems.len() != before {
            return None;
        }
        let salt = &settings.session_auth_hash_salt;
        let hashes = HmacKeys::load(secrets(), problems, |secret| django::salted_key(salt, secret));
        Some(Self { opener, hashes, backends: settings.authentication_backends })
    }

    /// Opens `session_data`.
    ///
    /// # Errors
    /// `Upstream`: what stands in the store is not the client's fault.
    pub(super) fn open(&self, data: &[u8]) -> Result<Opened, ValidateError> {
        let text = std::str::from_utf8(data).map_err(|_| upstream("session data is no text"))?;
        let opened = self.opener.open(text).map_err(|error| match error {
            ValidateError::Rejected(_) => upstream("no live secret has signed the session data"),
            _ => upstream("session data is not what django writes"),
        })?;
        let end = django::asked_end(&opened.session, opened.signed_at);
        Ok(Opened { session: opened.session, end })
    }

    /// Somebody is logged in, by a backend that counts, with a hash of the password.
    ///
    /// # Errors
    /// `Rejected` otherwise.
    pub(super) fn check(&self, session: &Value) -> Result<(), ValidateError> {
        django::check_log_in(session, &self.backends)
    }

    /// Who is logged in.
    pub(super) fn user_id(session: &Value) -> Option<&str> {
        session.get(django::USER_ID).and_then(Value::as_str).filter(|id| !id.is_empty())
    }

    /// The password is the one of the log-in. Like Django, takes the hash of a secret that has
    /// been replaced.
    ///
    /// # Errors
    /// `Rejected` otherwise.
    pub(super) fn check_user(&self, session: &Value, user: &UserRow) -> Result<(), ValidateError> {
        let hash = session.get(django::USER_HASH).and_then(Value::as_str).unwrap_or_default();
        if self.hashes.verify_hex(user.password.expose().as_bytes(), hash) {
            Ok(())
        } else {
            Err(ValidateError::Rejected("password has changed since the log-in"))
        }
    }
}

fn upstream(reason: &str) -> ValidateError {
    ValidateError::Upstream(reason.to_owned())
}
