//! End-to-end tests: the real binary as a process of its own, on real sockets. Here is how a
//! server is started, asked and stopped; each module is named after what it shows.
//! Nothing in here waits by the clock: states are polled for, with a deadline.

mod choices;
mod cli;
mod config;
mod demo;
mod explain;
mod kill;
mod lifecycle;
mod limits;
mod logs;
pub(crate) mod process;
mod raw;
mod reload;
pub(crate) mod server;
mod sessions;
mod tls;
mod wire;

use std::time::{Duration, Instant};

/// How long anything may take before it counts as never; generous, for busy machines.
const DEADLINE: Duration = Duration::from_secs(30);
/// How often a state is looked at.
const POLL: Duration = Duration::from_millis(5);

/// What `probe` finds, as soon as it finds something.
async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(started.elapsed() < DEADLINE, "still not so after {DEADLINE:?}: {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// A client with connections of its own.
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(DEADLINE).build().unwrap()
}
