//! `cambio check`: everything that is wrong with a configuration, at once.

use std::process::ExitCode;

use clap::Args;

use super::{ConfigArgs, load, refuse, runtime};
use crate::app::{App, World};
use crate::domain::setting::Problems;
use crate::serve::TlsKeys;
use crate::session::settings::memory;

/// Say everything that is wrong with a configuration
///
/// Reads every file that the configuration names and resolves every reference, as `serve`
/// would, but opens no store and no socket and makes no keys. Exit code 2 when something is wrong.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    config: ConfigArgs,
}

impl Check {
    pub(super) fn run(self) -> ExitCode {
        let settings = match load(&self.config.sources()) {
            Ok(settings) => settings,
            Err(code) => return code,
        };
        let runtime = match runtime(1) {
            Ok(runtime) => runtime,
            Err(code) => return code,
        };
        let world = World::default();
        let mut problems = Problems::default();
        if let Some(tls) = &settings.server.tls {
            problems.ok("server.tls", TlsKeys::open(tls, &world.watcher));
        }
        let mut problems = problems.into_vec();
        // Keys are made in a store that is thrown away.
        if let Err(more) = runtime.block_on(App::build(&settings, memory(), world)) {
            problems.extend(more);
        }
        if problems.is_empty() {
            println!("the configuration is good");
            ExitCode::SUCCESS
        } else {
            refuse(&problems)
        }
    }
}
