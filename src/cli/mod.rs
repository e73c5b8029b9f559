//! The command line, a file a command. Commands print for people; exit code 0 is success,
//! 1 is failure, 2 is a wrong call or a wrong configuration.

mod check;
mod demo;
mod devices;
mod explain;
mod hash_password;
mod healthcheck;
mod ids;
mod keys;
mod serve;
mod server;
mod sessions;
mod store;

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{self, Sources};
use crate::domain::setting::Problem;

/// Token-exchange gateway: SSO cookies and session tokens in, JWTs out.
///
/// Try `cambio demo`: it needs no configuration and prints what to call.
#[derive(Debug, Parser)]
#[command(name = "cambio", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Check(check::Check),
    Explain(explain::Explain),
    Healthcheck(healthcheck::Healthcheck),
    #[command(subcommand)]
    Sessions(sessions::Sessions),
    #[command(subcommand)]
    Devices(devices::Devices),
    #[command(subcommand)]
    Store(store::StoreCommand),
    #[command(subcommand)]
    Keys(keys::Keys),
    HashPassword(hash_password::HashPassword),
    Demo(demo::Demo),
}

/// Where the configuration is.
#[derive(Debug, Args)]
struct ConfigArgs {
    /// Configuration files (TOML), later ones override earlier ones. Every key and its default
    /// is in config/default.toml; CAMBIO__SECTION__KEY in the environment overrides files.
    #[arg(long = "config", value_name = "FILE", num_args = 1.., required = true)]
    files: Vec<PathBuf>,
}

impl ConfigArgs {
    fn sources(&self) -> Sources {
        Sources { files: self.files.clone(), overlay: None, environment: true }
    }
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Healthcheck(command) => command.run(),
        Command::Sessions(command) => command.run(),
        Command::Devices(command) => command.run(),
        Command::Store(command) => command.run(),
        Command::Keys(command) => command.run(),
        Command::HashPassword(command) => command.run(),
        Command::Demo(command) => command.run(),
    }
}

/// Reads the configuration or prints everything that is wrong with it.
fn load(sources: &Sources) -> Result<config::Settings, ExitCode> {
    config::load(sources).map_err(|_| match check::problems(sources) {
        Ok(problems) => refuse(&problems),
        Err(code) => code,
    })
}

/// Prints all problems; the exit code of a wrong configuration.
fn refuse(problems: &[Problem]) -> ExitCode {
    let n = problems.len();
    eprintln!("the configuration has {n} problem{}:", if n == 1 { "" } else { "s" });
    for problem in problems {
        eprintln!("  {problem}");
    }
    ExitCode::from(2)
}

/// Prints on standard output. `false` when nobody reads it any more (`… | head`), which is no
/// failure; anything else that is wrong with it ends the process with exit code 1.
fn print(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => false,
        Err(error) => {
            let _ = fail(format!("cannot print: {error}"));
            std::process::exit(1);
        }
    }
}

/// Prints why the command failed.
fn fail(error: impl std::fmt::Display) -> ExitCode {
    eprintln!("cambio: {error}");
    ExitCode::FAILURE
}

/// A runtime with this many worker threads; 0 is one a core.
fn runtime(workers: usize) -> Result<tokio::runtime::Runtime, ExitCode> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if workers > 0 {
        builder.worker_threads(workers);
    }
    builder.enable_all().build().map_err(fail)
}
