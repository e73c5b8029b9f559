//! `cambio store`: the schema of the configured session store. Also how the other commands open
//! the store beside a running server.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;

use super::{ConfigArgs, fail, load, print, runtime};
use crate::config::Settings;
use crate::domain::TenantId;
use crate::session::Store;
use crate::session::settings::Schema;

/// Look after the session store
#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Bring the store's schema up to date
    ///
    /// A server does the same when it starts; do it by hand where servers may not change a
    /// schema, or to know beforehand.
    #[command(subcommand)]
    Migrate(Migrate),
}

#[derive(Debug, Subcommand)]
pub(super) enum Migrate {
    /// Say how far the schema is; exit code 1 when it is not up to date, 2 when nobody can say
    Check {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Bring the schema up to date, or create it
    Apply {
        #[command(flatten)]
        config: ConfigArgs,
    },
}

impl StoreCommand {
    pub(super) fn run(self) -> ExitCode {
        let Self::Migrate(migrate) = self;
        match migrate {
            Migrate::Check { config } => with_settings(&config, check),
            Migrate::Apply { config } => with_settings(&config, apply),
        }
    }
}

async fn check(settings: Settings) -> ExitCode {
    match settings.store.schema().await {
        Ok(schema) => say(schema),
        Err(error) => {
            fail(error);
            ExitCode::from(2)
        }
    }
}

async fn apply(settings: Settings) -> ExitCode {
    if let Err(error) = settings.store.migrate().await {
        return fail(error);
    }
    check(settings).await
}

fn say(Schema { found, known }: Schema) -> ExitCode {
    if known == 0 {
        print("the store has no schema\n");
        return ExitCode::SUCCESS;
    }
    let pending = known.saturating_sub(found);
    let state = match (found, pending) {
        (0, _) => "there is no store yet",
        (_, 0) => "up to date",
        _ => "not up to date",
    };
    print(&format!("schema {found} of {known}: {state}\n"));
    if pending == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a command on the settings, whose store it is about.
fn with_settings<F>(config: &ConfigArgs, command: impl FnOnce(Settings) -> F) -> ExitCode
where
    F: Future<Output = ExitCode>,
{
    let settings = match load(&config.sources()) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let runtime = match runtime(2) {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    runtime.block_on(command(settings))
}

/// Runs a command on the open store, which a server may be using at the same time: it must be
/// there and up to date, since opening it would change what that server works on. A `tenant`
/// that the configuration does not have may still have something in the store, or be misspelt.
pub(super) fn with_store<F>(
    config: &ConfigArgs,
    tenant: Option<&TenantId>,
    command: impl FnOnce(Arc<dyn Store>) -> F,
) -> ExitCode
where
    F: Future<Output = Result<(), String>>,
{
    with_settings(config, async |settings| {
        let done = async {
            // A file that names the store and nothing else is enough for these commands.
            let tenants = &settings.tenants;
            if let Some(tenant) =
                tenant.filter(|t| !tenants.is_empty() && !tenants.contains_key(*t))
            {
                eprintln!("cambio: the configuration has no tenant {tenant}");
            }
            let settings = settings.store;
            match settings.schema().await.map_err(|e| e.to_string())? {
                Schema { found: 0, known: 1.. } => {
                    let message = "there is no store yet: a server makes it, \
                                   or cambio store migrate apply";
                    return Err(message.to_owned());
                }
                Schema { found, known } if found < known => {
                    let message = "the store's schema is not up to date, see cambio store migrate";
                    return Err(message.to_owned());
                }
                Schema { .. } => {}
            }
            let store = settings.open_beside().await.map_err(|e| e.to_string())?;
            if store.kind() == "memory" {
                return Err("a store of kind memory is in the serving process only".to_owned());
            }
            command(store).await
        };
        match done.await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(error),
        }
    })
}
