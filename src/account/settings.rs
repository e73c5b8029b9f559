//! Which kinds of account directory there are: reads a tenant's `accounts` table and builds
//! what it describes. The one match over kinds; the kinds themselves are private.

use std::sync::Arc;

use serde_json::Value;

use super::{AccountDirectory, asserted, file, http, sql};
use crate::domain::Clock;
use crate::domain::setting::{self, Problems};
use crate::support::Watcher;

/// What a directory may need from the outside to be built.
pub struct BuildCx<'a> {
    /// Watches files that the directory reads.
    pub watcher: &'a Watcher,
    /// Time.
    pub clock: &'a Arc<dyn Clock>,
}

/// The directory of a service that names none: the validator's word.
#[must_use]
pub fn default_directory() -> Arc<dyn AccountDirectory> {
    asserted::Settings::default().build()
}

/// Builds the directory that the table at `path` describes, noting every problem.
pub fn build(
    mut value: Value,
    path: &str,
    cx: &BuildCx<'_>,
    problems: &mut Problems,
) -> Option<Arc<dyn AccountDirectory>> {
    let kind = setting::take_kind(&mut value, path, problems)?;
    match kind.as_str() {
        "asserted" => Some(setting::parse::<asserted::Settings>(value, path, problems)?.build()),
        "file" => setting::parse::<file::Settings>(value, path, problems)?
            .build(path, cx.watcher, problems),
        "http" => http::Settings::build(value, path, cx, problems),
        "sql" => setting::parse::<sql::Settings>(value, path, problems)?.build(path, cx, problems),
        other => {
            let message = format!("unknown kind {other:?}, there are asserted, file, http and sql");
            problems.push(setting::join(path, "kind"), message);
            None
        }
    }
}
