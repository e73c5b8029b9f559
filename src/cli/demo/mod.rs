//! `cambio demo`: the whole gateway with made-up tenants, on the embedded store, and the
//! commands to try it with. It is `serve` with a configuration of its own (`config/demo.toml`)
//! and secrets that it makes on the first start.

mod credentials;
mod data_dir;
mod script;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use self::credentials::Credentials;
use self::data_dir::DataDir;
use super::{fail, load, print, refuse, runtime, server};
use crate::app::{App, World};
use crate::config::Sources;
use crate::telemetry;

/// The demo's configuration; `@NAME@` is filled in.
const CONFIG: &str = include_str!("../../../config/demo.toml");

/// Try Cambio: serve two made-up tenants and print what to call
///
/// Starts on an embedded SQLite store with generated keys: tenant `community` speaks AnswerHub
/// (a cookie in, a JWT out), tenant `nagra` speaks AGS (a session token in, an access and a
/// refresh token out). Prints curl commands with live credentials, and serves until Ctrl-C.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Where to serve; port 0 picks a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where keys, secrets and sessions are kept, to go on with them at the next start; a fresh
    /// temporary folder, removed at the end, without it.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print one line of JSON with the address and credentials instead of the commands.
    #[arg(long)]
    json: bool,
    /// Where sessions are kept: sqlite, or memory to see what durability costs.
    #[arg(long, value_name = "KIND", default_value = "sqlite", value_parser = ["sqlite", "memory"])]
    store: String,
}

impl Demo {
    pub(super) fn run(self) -> ExitCode {
        let data = match DataDir::open(self.data_dir.as_deref()) {
            Ok(data) => data,
            Err(error) => return fail(error),
        };
        let overlay = data.configuration(CONFIG, self.listen, &self.store);
        let sources = Sources { files: Vec::new(), overlay: Some(overlay), environment: true };
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
                Err(error) => return fail(error),
            };
            let app = match App::build(&settings, store, World::default()).await {
                Ok(app) => app,
                Err(problems) => return refuse(&problems),
            };
            let gateway = app.gateway();
            let credentials = match Credentials::make(&gateway, &data).await {
                Ok(credentials) => credentials,
                Err(error) => return fail(error),
            };
            let json = self.json;
            server::run(app, settings, sources, |addresses| {
                let url = format!("http://{}", addresses.service);
                // Served is also who reads no more of it than the first lines.
                if json {
                    print(&format!("{}\n", credentials.json(&url)));
                } else {
                    print(&script::text(&url, addresses.admin, &credentials, &data));
                }
            })
            .await
        });
        drop(runtime);
        sink.flush();
        code
    }
}
