//! The `cookie` table: how a cookie holds the session's id. Opening one is no verdict, because
//! an id names a session that may be gone.

use serde::Deserialize;
use serde_json::Value;

use super::super::laravel::{Cipher, Opener as LaravelOpener};
use super::super::signed_id::{Format, Opener};
use super::super::{ValidateError, secrets};
use crate::domain::setting::{self, Problems, SecretSource, join};

/// Opens cookies.
pub(super) enum Cookie {
    /// The id as it stands (Django, PHP, Flask-Session without a signer).
    Plain,
    /// The id and its MAC.
    Signed(Opener),
    /// Encrypted by Laravel.
    Laravel(LaravelOpener),
}

/// Of the kinds that sign.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    secrets: Vec<SecretSource>,
}

/// Of `laravel`; the names are those of the validator's kind.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Laravel {
    app_key: Vec<SecretSource>,
    #[serde(default)]
    cipher: Cipher,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {}

impl Cookie {
    /// Reads the table at `path`, noting every problem.
    pub(super) fn load(mut table: Value, path: &str, problems: &mut Problems) -> Option<Self> {
        let kind = setting::take_kind(&mut table, path, problems)?;
        let format = match kind.as_str() {
            "plain" => {
                let Plain {} = setting::parse(table, path, problems)?;
                return Some(Self::Plain);
            }
            "laravel" => return laravel(table, path, problems),
            "express" => Format::Express,
            "better_auth" => Format::BetterAuth,
            "flask_session" => Format::FlaskSession,
            other => {
                let known = "plain, express, better_auth, flask_session and laravel";
                let message = format!("unknown kind {other:?}, there are {known}");
                problems.push(join(path, "kind"), message);
                return None;
            }
        };
        let Signed { secrets } = setting::parse(table, path, problems)?;
        let at = join(path, "secrets");
        let secrets = secrets::listed(&secrets, &at, problems);
        Some(Self::Signed(Opener::load(format, secrets, problems)))
    }

    /// The session's id as a text, not yet held to its rule.
    ///
    /// # Errors
    /// `Malformed` when the cookie is not of this kind, `Rejected` when no live secret made it.
    pub(super) fn open(&self, cookie: &str) -> Result<String, ValidateError> {
        match self {
            Self::Plain => Ok(cookie.to_owned()),
            Self::Signed(opener) => opener.open(cookie),
            Self::Laravel(opener) => opener.open(cookie).map(|id| id.as_str().to_owned()),
        }
    }
}

fn laravel(table: Value, path: &str, problems: &mut Problems) -> Option<Cookie> {
    let Laravel { app_key, cipher, name } = setting::parse(table, path, problems)?;
    let at = join(path, "app_key");
    if name.is_empty() {
        problems.push(join(path, "name"), "must not be empty");
    }
    let secrets = secrets::loaded(&app_key, &at, problems);
    problems.ok(&at, LaravelOpener::new(&secrets, cipher, &name)).map(Cookie::Laravel)
}
