//! Serving: sockets, TLS, connection limits and the orderly end. It knows the service only
//! as something that answers requests; what the service is made of is `app`'s business.

pub mod admin;
mod connection;
mod listener;
mod opening;
mod settings;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, watch};

use listener::Accepted;
pub use listener::bind;
pub use settings::{AdminSettings, CorsSettings, LimitSettings, ServerSettings, TlsSettings};
pub use tls::TlsKeys;

use crate::http::GatewayService;

/// How long connections may be silent once the listener has closed. What was sent on them before is then
/// no longer on its way: closing one that a request is coming on would leave its client in doubt.
const SILENCE: Duration = Duration::from_millis(500);

/// How serving ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every connection was let finish.
    Drained,
    /// Some were cut off, by the time limit or a second signal.
    CutOff,
}

/// What serving goes by.
#[derive(Debug)]
pub struct Serve {
    /// The socket.
    pub listener: tokio::net::TcpListener,
    /// What answers.
    pub service: GatewayService,
    /// Certificates, if it is TLS.
    pub tls: Option<Arc<TlsKeys>>,
    /// Bounds.
    pub limits: LimitSettings,
}

/// The stages of the end, as `shutdown` announces them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Serving.
    Running,
    /// Readiness is false; connections are still accepted, until load balancers have noticed, and
    /// are told with each answer that it is their last.
    Leaving,
    /// No new connections; those that are open finish what they are doing.
    Draining,
    /// Stop at once.
    Stopped,
}

impl Serve {
    /// Accepts and serves until `stage` says otherwise.
    pub async fn run(self, mut stage: watch::Receiver<Stage>) -> Ended {
        let graceful = GracefulShutdown::new();
        let limits = &self.limits;
        let unread_for = limits.head_timeout.0;
        let places = Arc::new(Semaphore::new(limits.max_connections));
        let server = connection::Server::new(self.service, self.tls, limits, stage.clone());
        let server = Arc::new(server);
        let serve = |(stream, peer, place): Accepted| {
            let server = Arc::clone(&server);
            let watcher = graceful.watcher();
            tokio::spawn(async move {
                server.serve(stream, peer, watcher).await;
                drop(place);
            });
        };
        loop {
            // No place, no accept: what is over the limit waits in the kernel's backlog.
            let accepted = tokio::select! {
                biased;
                _ = stage.wait_for(|s| *s >= Stage::Draining) => break,
                accepted = listener::accept(&self.listener, &places, unread_for) => accepted,
            };
            if let Some(accepted) = accepted {
                serve(accepted);
            }
        }
        listener::close(self.listener, &places, unread_for).into_iter().for_each(serve);
        let silence = SILENCE.min(limits.drain_timeout.0 / 2);
        let connections = u32::try_from(limits.max_connections).unwrap_or(u32::MAX);
        let drained = async {
            // Until every place is free again, if that is sooner.
            let _ = tokio::time::timeout(silence, places.acquire_many(connections)).await;
            graceful.shutdown().await;
        };
        tokio::select! {
            () = drained => Ended::Drained,
            () = tokio::time::sleep(limits.drain_timeout.0) => Ended::CutOff,
            _ = stage.wait_for(|s| *s == Stage::Stopped) => Ended::CutOff,
        }
    }
}

/// SIGTERM and SIGINT, from when this is made: before, they end the process at once.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    /// Listens for them.
    ///
    /// # Errors
    /// A text, when the system does not allow it.
    pub fn listen() -> Result<Self, String> {
        let listen = |kind| signal(kind).map_err(|e| format!("cannot listen for signals: {e}"));
        Ok(Self { term: listen(SignalKind::terminate())?, int: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

/// Turns signals into stages: the first starts the end, the second stops. `leave_for` is how
/// long readiness is false before the listener closes.
pub async fn stages(mut signals: Signals, stage: &watch::Sender<Stage>, leave_for: Duration) {
    signals.next().await;
    tracing::info!("shutting down, a second signal stops at once");
    stage.send_replace(Stage::Leaving);
    tokio::select! {
        () = tokio::time::sleep(leave_for) => { stage.send_replace(Stage::Draining); }
        () = signals.next() => { stage.send_replace(Stage::Stopped); return; }
    }
    signals.next().await;
    stage.send_replace(Stage::Stopped);
}
