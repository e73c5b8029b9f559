//! Which kinds of validator there are: reads a `[validators.<name>]` table and builds
//! what it describes. The one match over kinds; the kinds themselves are private.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::fetch::FetchSettings;
use super::{
    SsoValidator, any_of, authjs, better_auth, cache, cas, django, flask, http, introspection,
    iron_session, jwt, laravel, rails, redis_session, scripted, session_token, signed_cookie,
    sql_session, users,
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

/// Every `kind`, in the order of the README's table.
const KINDS: [&str; 19] = [
    "signed_cookie",
    "jwt",
    "django",
    "flask",
    "better_auth",
    "redis_session",
    "sql_session",
    "http",
    "cas",
    "introspection",
    "oidc",
    "authjs",
    "iron_session",
    "laravel",
    "rails",
    any_of::KIND,
    "users",
    "session_token",
    "scripted",
];

/// Builds every validator of `[validators]`, those first that name no others. `path` is where
/// the tables stand.
pub fn build_all<'t>(
    tables: impl IntoIterator<Item = (&'t String, &'t Value)>,
    path: &str,
    cx: &BuildCx<'_>,
    problems: &mut Problems,
) -> HashMap<String, Arc<dyn SsoValidator>> {
    let is_list = |table: &Value| table.get("kind").is_some_and(|kind| kind == any_of::KIND);
    let (lists, others): (Vec<_>, Vec<_>) =
        tables.into_iter().partition(|(_, table)| is_list(table));
    let mut built = HashMap::new();
    for (name, table) in &others {
        if let Some(validator) = build((*table).clone(), &setting::join(path, name), cx, problems) {
            built.insert((*name).clone(), validator);
        }
    }
    let mut composed = Vec::new();
    for (name, table) in &lists {
        let at = setting::join(path, name);
        let mut table = (*table).clone();
        let _ = setting::take_kind(&mut table, &at, problems);
        let named = any_of::Named {
            built: &built,
            lists: lists.iter().map(|(name, _)| &***name).collect(),
            broken: others
                .iter()
                .map(|(name, _)| &***name)
                .filter(|n| !built.contains_key(*n))
                .collect(),
        };
        let settings = setting::parse::<any_of::Settings>(table, &at, problems);
        let list = settings.and_then(|settings| settings.build(&at, &named, problems));
        composed.extend(list.map(|list| ((*name).clone(), list)));
    }
    built.extend(composed);
    built
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
        "redis_session" => {
            let keeping = cache::Settings::take(&mut value, path, problems);
            Some(keeping.around(redis_session::Settings::build(value, path, problems)?, path))
        }
        "sql_session" => {
            let keeping = cache::Settings::take(&mut value, path, problems);
            Some(keeping.around(sql_session::Settings::build(value, path, problems)?, path))
        }
        "users" => {
            setting::parse::<users::Settings>(value, path, problems)?.build(path, cx, problems)
        }
        "scripted" => {
            setting::parse::<scripted::Settings>(value, path, problems)?.build(path, cx, problems)
        }
        any_of::KIND => {
            problems.push(setting::join(path, "kind"), "any_of cannot stand alone");
            None
        }
        other => {
            let known = KINDS.join(", ");
            let message = format!("unknown kind {other:?}, there are {known}");
            problems.push(setting::join(path, "kind"), message);
            None
        }
    }
}
