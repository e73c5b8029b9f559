//! `cambio serve`: the service itself.

use std::process::ExitCode;

use clap::Args;

use super::{ConfigArgs, load, refuse, runtime, server};
use crate::app::{App, World};
use crate::telemetry;

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
        let sources = self.config.sources();
        let settings = match load(&sources) {
            Ok(settings) => settings,
            Err(code) => return code,
        };
        let sink = telemetry::install(&settings.log);
        let runtime = match runtime(settings.server.workers) {
            Ok(runtime) => runtime,
            Err(code) => return code,
        };
        let code = runtime.block_on(async {
            let store = match settings.store.open().await {
                Ok(store) => store,
                Err(error) => return super::fail(error),
            };
            let app = match App::build(&settings, store, World::default()).await {
                Ok(app) => app,
                Err(problems) => return refuse(&problems),
            };
            server::run(app, settings, sources, |_| {}).await
        });
        drop(runtime);
        sink.flush();
        code
    }
}
