//! Which kinds of validator there are: reads a `[validators.<name>]` table and builds
//! what it describes. The one match over kinds; the kinds themselves are private.

use std::sync::Arc;

use serde_json::Value;

use super::SsoValidator;
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
        other => {
            problems.push(setting::join(path, "kind"), format!("unknown kind {other:?}"));
            let _ = cx;
            None
        }
    }
}
