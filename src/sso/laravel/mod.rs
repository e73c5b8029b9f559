//! `laravel`: a cookie that a Laravel application itself fills with JSON and Laravel
//! encrypts (`Cookie::queue('sso', json_encode([...]))`). Needs no I/O.
//!
//! Laravel's own session cookie is not that: every visitor has one, and it holds only an id
//! of a session that lives in a store. Taken alone it proves nobody, and is refused here.
//! A kind that reads the store opens it with [`Opener`].

mod opener;

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use self::opener::is_session_id;
pub(super) use self::opener::{Cipher, Opener};
use super::mapping::{Mapping, NamedFields};
use super::opens::Opens;
use super::secrets;
use super::{SsoValidator, ValidateError};
use crate::domain::setting::{Problems, SecretSource, join};
use crate::domain::{Timestamp, Verified};

/// The longest accepted value, in bytes: what a browser keeps, and percent-encoding.
const MAX_LEN: usize = 8 * 1024;

/// The `laravel` table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// `APP_KEY`, then `APP_PREVIOUS_KEYS`, as Laravel writes them; all of them are live.
    app_key: Vec<SecretSource>,
    #[serde(default)]
    cipher: Cipher,
    /// The cookie's name, which its content is bound to.
    cookie: String,
    /// `expires_at` among them: Laravel puts no end into a cookie, so the content must.
    fields: NamedFields,
}

impl Settings {
    pub(super) fn build(
        self,
        path: &str,
        problems: &mut Problems,
    ) -> Option<Arc<dyn SsoValidator>> {
        let before = problems.len();
        let at = join(path, "app_key");
        let secrets = secrets::loaded(&self.app_key, &at, problems);
        let opener = problems.ok(&at, Opener::new(&secrets, self.cipher, &self.cookie));
        if self.cookie.is_empty() {
            problems.push(join(path, "cookie"), "must not be empty");
        }
        let mapping = self.fields.mapping().that_must_end();
        if !mapping.says_its_end() {
            let at = join(&join(path, "fields"), "expires_at");
            problems.push(at, "is missing: laravel's cookies do not end by themselves");
        }
        let validator = Laravel { opener: opener?, mapping };
        (problems.len() == before).then(|| Arc::new(validator) as _)
    }
}

struct Laravel {
    opener: Opener,
    mapping: Mapping,
}

impl fmt::Debug for Laravel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Laravel").finish_non_exhaustive()
    }
}

impl Opens for Laravel {
    const KIND: &'static str = "laravel";
    const MAX_LEN: usize = MAX_LEN;

    fn has_made(&self, value: &str) -> bool {
        self.opener.open(value).is_ok()
    }

    fn decide(&self, value: &str, now: Timestamp) -> Result<Verified, ValidateError> {
        let content = self.opener.open(value)?;
        if is_session_id(&content) {
            return Err(ValidateError::Rejected("it names a session, which proves nobody"));
        }
        let content: Value = serde_json::from_str(&content)
            .map_err(|_| ValidateError::Malformed("its content is not json"))?;
        self.mapping.apply(&content, None, now)
    }
}

#[cfg(test)]
mod tests;
