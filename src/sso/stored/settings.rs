//! The keys that `redis_session` and `sql_session` have in common, taken out of their tables
//! before the rest is read.

use serde::Deserialize;
use serde_json::Value;

use super::super::mapping::Fields;
use super::cookie::Cookie;
use super::document::{NOBODY_RULE, Stored};
use super::format::FormatName;
use super::login::{Login, LoginSettings};
use super::session_id::Rule;
use crate::domain::setting::{self, Problems, join};

/// Where Laravel's guard `web` keeps who is logged in: `login_web_` and the SHA-1 of
/// `Illuminate\Auth\SessionGuard`.
const LARAVEL_USER: &str = "login_web_59ba36addc2b2f9401580f014c7f58ea4e30989d";
/// Where `django.contrib.auth` does.
const DJANGO_USER: &str = "_auth_user_id";

/// The common keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Settings {
    /// How the cookie holds the id.
    #[serde(default = "plain")]
    cookie: Value,
    #[serde(default)]
    session_id: Rule,
    format: FormatName,
    /// The largest session, in bytes.
    #[serde(default = "default_max_bytes")]
    max_bytes: usize,
    /// Django's checks of a log-in.
    django: Option<LoginSettings>,
    #[serde(default)]
    fields: Fields,
}

fn plain() -> Value {
    serde_json::json!({ "kind": "plain" })
}

fn default_max_bytes() -> usize {
    64 * 1024
}

impl Settings {
    const KEYS: [&str; 6] = ["cookie", "session_id", "format", "max_bytes", "django", "fields"];

    /// Takes the common keys out of a table.
    pub(in super::super) fn take(
        table: &mut Value,
        path: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        let mut common = serde_json::Map::new();
        for key in Self::KEYS {
            if let Some(value) = table.as_object_mut().and_then(|table| table.shift_remove(key)) {
                common.insert(key.to_owned(), value);
            }
        }
        setting::parse(Value::Object(common), path, problems)
    }

    /// The query for the user's row, if Django's log-ins are checked against it.
    pub(in super::super) fn user_query(&self) -> Option<&str> {
        self.django.as_ref().and_then(LoginSettings::user_query)
    }

    /// Whether the store's columns are the document.
    pub(in super::super) fn is_columns(&self) -> bool {
        self.format == FormatName::Columns
    }

    /// Reads the secrets, noting every problem.
    pub(in super::super) fn build(self, path: &str, problems: &mut Problems) -> Option<Stored> {
        let before = problems.len();
        self.session_id.check(&join(path, "session_id"), problems);
        if !(1024..=1024 * 1024).contains(&self.max_bytes) {
            problems.push(join(path, "max_bytes"), "must be from 1024 to 1048576");
        }
        let cookie = Cookie::load(self.cookie, &join(path, "cookie"), problems);
        let default = match self.format {
            FormatName::Django | FormatName::Pickle => Some(DJANGO_USER),
            FormatName::Laravel => Some(LARAVEL_USER),
            _ if self.django.is_some() => Some(DJANGO_USER),
            _ => None,
        };
        if default.is_none() && self.fields.subject.is_none() {
            problems.push(join(&join(path, "fields"), "subject"), "is missing");
        }
        let at = join(path, "django");
        let login = self.django.and_then(|django| Login::load(django, &at, problems));
        if self.format == FormatName::Django && login.is_none() && problems.len() == before {
            problems.push(&at, "is missing: it says what such sessions are signed with");
        }
        if problems.len() != before {
            return None;
        }
        let mapping = self.fields.mapping(default.unwrap_or_default());
        Some(Stored {
            cookie: cookie?,
            rule: self.session_id,
            format: self.format,
            max_bytes: self.max_bytes,
            login,
            // A visitor who has not signed in has a session, too.
            mapping: mapping.of_answers().that_must_end().where_nobody_is(NOBODY_RULE),
        })
    }
}
