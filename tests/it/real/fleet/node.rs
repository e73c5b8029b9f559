//! One Cambio process of a fleet, with a port of its own that it keeps when it is started again.

use std::path::Path;
use std::time::Duration;

use cambio::domain::{Clock, SystemClock};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::e2e::process::Process;
use crate::e2e::server::{Ags, log_lines, send};
use crate::real::{eventually, free_port};
use crate::support::signed_jwt;

const SERVICE: &str = "Customer Auth Service";
const OPERATOR_SECRET: &str = "the head-end's secret, for tests: 0123456789";

/// How long a node may take for a request.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// A node.
pub(super) struct Node {
    pub(super) port: u16,
    admin: u16,
    folder: TempDir,
    process: Process,
}

impl Node {
    /// Starts one and waits until it serves.
    pub(super) async fn start(store: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, admin) = (free_port(), free_port());
        let configuration = configuration(port, admin, store);
        std::fs::write(folder.path().join("cambio.toml"), configuration).unwrap();
        let process = serving(folder.path()).await;
        Self { port, admin, folder, process }
    }

    /// Waits until `/readyz` says this.
    pub(super) async fn is_ready(&self, ready: bool) {
        let url = format!("http://127.0.0.1:{}/readyz", self.admin);
        let what = if ready { "the node is ready" } else { "the node is not ready" };
        let status = if ready { 200 } else { 503 };
        eventually(what, async || {
            let answer = send(reqwest::Client::new().get(&url)).await?;
            (answer.status == status).then_some(())
        })
        .await;
    }

    /// A client that talks to this node alone.
    pub(super) fn client(&self, account: &str) -> Ags {
        client(self.port, account)
    }

    /// Asks it to end and waits until it has, then starts it again. It must end well.
    pub(super) async fn restart(&mut self) {
        self.process.signal("TERM");
        let status = eventually("the node ends", async || self.process.status()).await;
        assert!(status.success(), "{status}: {}", self.process.stderr());
        self.process = serving(self.folder.path()).await;
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again after [`Node::kill`].
    pub(super) async fn start_again(&mut self) {
        self.process = serving(self.folder.path()).await;
    }
}

impl Drop for Node {
    /// A failed test shows what the node found wrong.
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Its last lines come with its end.
            self.process.signal("TERM");
            while self.process.status().is_none() {
                std::thread::yield_now();
            }
            let refused = |line: &Value| line["http.status"].as_u64().is_none_or(|s| s >= 400);
            let lines = log_lines(&self.process.stderr()).into_iter().filter(refused);
            lines.for_each(|line| eprintln!("node {}: {line}", self.port));
        }
    }
}

/// Calls to whoever listens on this port.
pub(super) fn client(port: u16, account: &str) -> Ags {
    Ags::at(&format!("http://127.0.0.1:{port}"), SERVICE, operator_token(account))
}

/// What the operator's head-end gives an account.
pub(super) fn operator_token(account: &str) -> String {
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": "head-end-1"});
    let now = SystemClock.now().secs();
    let claims = json!({"typ": "GetSessionTokenAuthN", "OpfAccountId": account,
        "OpfTenantId": "nagra", "exp": now + 3600, "aud": "ags"});
    let (header, claims) = (header.to_string(), claims.to_string());
    signed_jwt(&header, &claims, OPERATOR_SECRET, aws_lc_rs::hmac::HMAC_SHA256)
}

async fn serving(folder: &Path) -> Process {
    let config = folder.join("cambio.toml");
    let args = ["serve", "--config", config.to_str().unwrap()];
    let mut process = Process::start(&args, &[("CAMBIO__LOG__FORMAT", "json")], "");
    eventually("the node serves", async || {
        if let Some(status) = process.status() {
            panic!("it ended with {status}: {}", process.stderr());
        }
        log_lines(&process.stderr()).into_iter().find(|line| line["message"] == "serving")
    })
    .await;
    process
}

/// It says for a second that it is to end: twice as long as nginx keeps idle connections.
fn configuration(port: u16, admin: u16, store: &str) -> String {
    let request_timeout = REQUEST_TIMEOUT.as_secs();
    format!(
        r#"environment = "development"
server.listen = "127.0.0.1:{port}"
server.trusted_proxies = ["127.0.0.1/32"]
server.limits.request_timeout = "{request_timeout}s"
server.limits.drain_delay = "1s"
admin.listen = "127.0.0.1:{admin}"
keys.encryption_key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
[store]
{store}
[validators.tickets]
kind = "session_token"
[tenants.nagra.ags]
operator.keys = [{{ kid = "head-end-1", secret = "{OPERATOR_SECRET}" }}]
[[tenants.nagra.services]]
name = "{SERVICE}"
validator = "tickets"
"#
    )
}
