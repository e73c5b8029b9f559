//! `cambio check`: everything that is wrong with a configuration, at once.

use std::process::ExitCode;

use clap::Args;

use super::{ConfigArgs, print, refuse, runtime};
use crate::app::{App, World};
use crate::config::{self, Sources};
use crate::domain::setting::{Problem, Problems};
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
        match problems(&self.config.sources()) {
            Err(code) => code,
            Ok(problems) if problems.is_empty() => {
                print("the configuration is good\n");
                ExitCode::SUCCESS
            }
            Ok(problems) => refuse(&problems),
        }
    }
}

/// Everything that is wrong with a configuration: what cannot be read, and what does not fit
/// together in the rest.
pub(super) fn problems(sources: &Sources) -> Result<Vec<Problem>, ExitCode> {
    let (settings, mut found) = config::load_partly(sources);
    let Some(settings) = settings else { return Ok(found) };
    let world = World::default();
    let mut more = Problems::default();
    if let Some(tls) = &settings.server.tls {
        more.ok("server.tls", TlsKeys::open(tls, &world.watcher));
    }
    let mut more = more.into_vec();
    // Keys are made in a store that is thrown away.
    if let Err(unfit) = runtime(1)?.block_on(App::build(&settings, memory(), world)) {
        more.extend(unfit);
    }
    // What stands above a key that is wrong may lack only that.
    let follows = |problem: &Problem| {
        let above = format!("{}.", problem.path);
        found.iter().any(|cause| cause.path == problem.path || cause.path.starts_with(&above))
    };
    more.retain(|problem| !follows(problem));
    found.extend(more);
    Ok(found)
}
