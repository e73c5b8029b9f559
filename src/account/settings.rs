//! Which kinds of account directory there are: reads a tenant's `accounts` table and builds
//! what it describes. The one match over kinds; the kinds themselves are private.

use std::sync::Arc;

use serde_json::Value;

use super::{AccountDirectory, asserted, file};
use crate::domain::setting::{self, Problems};
use crate::support::Watcher;

/// The directory of a service that names none: the validator's word.
#[must_use]
pub fn default_directory() -> Arc<dyn AccountDirectory> {
    asserted::Settings::default().build()
}

/// Builds the directory that the table at `path` describes, noting every problem.
pub fn build(
    mut value: Value,
    path: &str,
    watcher: &Watcher,
    problems: &mut Problems,
) -> Option<Arc<dyn AccountDirectory>> {
    let kind = setting::take_kind(&mut value, path, problems)?;
    match kind.as_str() {
        "asserted" => Some(setting::parse::<asserted::Settings>(value, path, problems)?.build()),
        "file" => {
            setting::parse::<file::Settings>(value, path, problems)?.build(path, watcher, problems)
        }
        other => {
            problems.push(setting::join(path, "kind"), format!("unknown kind {other:?}"));
            None
        }
    }
}
