//! `cambio serve`: the service itself.

use std::process::ExitCode;

use clap::Args;

use super::{ConfigArgs, server};

/// Serve until SIGTERM or SIGINT
///
/// The first signal makes readiness false and lets open requests finish, the second stops at
/// once. SIGHUP reads the configuration again: a good one is swapped in without dropping a
/// request, a bad one is reported and changes nothing.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    config: ConfigArgs,
}

impl Serve {
    pub(super) fn run(self) -> ExitCode {
        server::start(self.config.sources(), async |_| Ok(|_| {}))
    }
}
