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
use super::server::{self, Addresses};
use super::{fail, print};
use crate::config::Sources;

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
        let (data, json) = (&data, self.json);
        server::start(sources, async |app| {
            let credentials = Credentials::make(&app.gateway(), data).await?;
            Ok(move |addresses: Addresses| {
                let url = format!("http://{}", addresses.service);
                // Served is also who reads no more of it than the first lines.
                if json {
                    print(&format!("{}\n", credentials.json(&url)));
                } else {
                    print(&script::text(&url, addresses.admin, &credentials, data));
                }
            })
        })
    }
}
