//! Which kinds of validator there are: reads a `[validators.<name>]` table and builds
//! what it describes. The one match over kinds; the kinds themselves are private.

use std::sync::Arc;

use serde_json::Value;

use super::fetch::FetchSettings;
use super::{
    SsoValidator, authjs, better_auth, cache, cas, django, flask, http, introspection,
    iron_session, jwt, laravel, rails, scripted, session_token, signed_cookie, users,
};
use crate::domain::setting::{self, Problems};
use crate::session::TicketStore;
use crate::support::Watcher;

/// What a validator may need from the outside to be built.
pub struct BuildCx<'a> {
    /// Where one-time tickets are.
    pub tickets: Arc<dyn TicketStore>,
    /// Watches files that the validator reads.
    pub watcher: &'a Watcher,
    /// Refuse what is for tests and demonstrations only.
    pub production: bool,
}

/// Builds the validator that the table at `path` describes, noting every problem.
pub fn build(
    mut value: Value,
    path: &str,
    cx: &BuildCx<'_>,
    problems: &mut Problems,
) -> Option<Arc<dyn SsoValidator>> {
    let kind = setting::take_kind(&mut value, path, problems)?;
    match kind.as_str() {
        "better_auth" => {
            setting::parse::<better_auth::Settings>(value, path, problems)?.build(path, problems)
        }
        "django" => {
            setting::parse::<django::Settings>(value, path, problems)?.build(path, problems)
        }
        "flask" => setting::parse::<flask::Settings>(value, path, problems)?.build(path, problems),
        "signed_cookie" => {
            setting::parse::<signed_cookie::Settings>(value, path, problems)?.build(path, problems)
        }
        "authjs" => {
            setting::parse::<authjs::Settings>(value, path, problems)?.build(path, problems)
        }
        "iron_session" => {
            setting::parse::<iron_session::Settings>(value, path, problems)?.build(path, problems)
        }
        "laravel" => {
            setting::parse::<laravel::Settings>(value, path, problems)?.build(path, problems)
        }
        "rails" => setting::parse::<rails::Settings>(value, path, problems)?.build(path, problems),
        "jwt" => setting::parse::<jwt::Settings>(value, path, problems)?.build(path, cx, problems),
        "session_token" => Some(
            setting::parse::<session_token::Settings>(value, path, problems)?
                .build(cx.tickets.clone()),
        ),
        "http" => {
            let keeping = cache::Settings::take(&mut value, path, problems);
            let fetch = FetchSettings::take(&mut value, path, problems);
            let asks = setting::parse::<http::Settings>(value, path, problems);
            Some(keeping.around(asks?.build(&fetch?, path, cx, problems)?, path))
        }
        "introspection" => {
            let keeping = cache::Settings::take(&mut value, path, problems);
            let fetch = FetchSettings::take(&mut value, path, problems);
            let asks = setting::parse::<introspection::Settings>(value, path, problems);
            Some(keeping.around(asks?.build(&fetch?, path, cx, problems)?, path))
        }
        "oidc" => {
            let fetch = FetchSettings::take(&mut value, path, problems);
            let oidc = setting::parse::<jwt::OidcSettings>(value, path, problems);
            oidc?.build(&fetch?, path, cx, problems)
        }
        "cas" => {
            let guarding = cache::Settings::take_guard(&mut value, path, problems);
            let fetch = FetchSettings::take(&mut value, path, problems);
            let asks = setting::parse::<cas::Settings>(value, path, problems);
            Some(guarding.around(asks?.build(&fetch?, path, cx, problems)?, path))
        }
        "users" => {
            setting::parse::<users::Settings>(value, path, problems)?.build(path, cx, problems)
        }
        "scripted" => {
            setting::parse::<scripted::Settings>(value, path, problems)?.build(path, cx, problems)
        }
        other => {
            problems.push(setting::join(path, "kind"), format!("unknown kind {other:?}"));
            None
        }
    }
}
