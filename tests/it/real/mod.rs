//! Tests against real third-party servers, which are started here on private ports of
//! 127.0.0.1, without root's rights, and stopped by their own pid. `scripts/test --quick`
//! leaves every test under a module named `real` out.
//! Nothing waits by the clock: states are polled for, with a deadline.

mod account_sql;
mod apps;
mod canaille;
pub(crate) mod certificates;
mod django;
mod express;
mod flask;
mod fleet;
mod glewlwyd;
pub(crate) mod installed;
mod llng;
mod oidc_provider;
pub(crate) mod pgbouncer;
mod php;
pub(crate) mod postgres;
mod postgres_failover;
mod postgres_nodes;
pub(crate) mod proxy;
pub(crate) mod redis;
pub(crate) mod redis_cluster;
mod redis_failover;
mod redis_late;
mod redis_load;
mod redis_network;
mod redis_nodes;
pub(crate) mod redis_sentinel;
pub(crate) mod server;
mod shared_store;
mod started;
mod store_tls;
pub(crate) mod visitor;

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long anything may take before it counts as never; generous, for busy machines.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// How often a state is looked at.
const POLL: Duration = Duration::from_millis(10);

/// What `probe` finds, as soon as it finds something.
pub(crate) async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(started.elapsed() < DEADLINE, "still not so after {DEADLINE:?}: {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// [`eventually`] for a task of its own, where an `async` closure cannot go: what its futures borrow
/// keeps them from being sent. It is how clients here take a 503: they ask again and again, more
/// eagerly than `Retry-After` says, which is harder for the nodes and shows at once when they serve.
pub(crate) async fn persistently<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < DEADLINE, "still not so after {DEADLINE:?}: {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// Says what a test has measured: to whoever looks at its output, and in the file that
/// `CAMBIO_TEST_FIGURES` names. `scripts/test` shows that one, because nobody sees what a test says that passes.
pub(crate) fn figures(line: &str) {
    println!("{line}");
    if let Some(path) = std::env::var_os("CAMBIO_TEST_FIGURES") {
        let mut file = std::fs::File::options().create(true).append(true).open(path).unwrap();
        // One write, so that lines of tests that run beside each other stay whole.
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

/// A port that is free, and that no connection is given by the system meanwhile, nor while a server on it is
/// started again: those are from 32768 on. Each is given out once.
pub(crate) fn free_port() -> u16 {
    const FIRST: u32 = 12_000;
    const COUNT: u32 = 20_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Two runs at a time begin at places of their own.
    let begin = std::process::id().wrapping_mul(977);
    for _ in 0..COUNT {
        let turn = begin.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + turn % COUNT).unwrap();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}
