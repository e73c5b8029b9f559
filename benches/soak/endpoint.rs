//! A session endpoint that can go away: every cookie is somebody's session, and every call is
//! counted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use super::Error;

/// How it is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Mode {
    /// Nobody listens.
    Refuse,
    /// It takes requests and never answers.
    Hang,
    /// It answers 500.
    Error,
}

/// The endpoint.
pub(super) struct Endpoint {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    mode: Mutex<Option<Mode>>,
    calls: Mutex<Vec<Instant>>,
}

impl Endpoint {
    pub(super) async fn start() -> Result<Self, Error> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let endpoint = Self { address, shared: Arc::default(), serving: Mutex::new(None) };
        endpoint.serve(listener);
        Ok(endpoint)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Goes down, or comes back.
    pub(super) async fn be(&self, mode: Option<Mode>) -> Result<(), Error> {
        *self.shared.mode.lock() = mode;
        if mode == Some(Mode::Refuse) {
            // The task owns the listener and all connections.
            let serving = self.serving.lock().take();
            if let Some(serving) = serving {
                serving.abort();
                let _ = serving.await;
            }
        } else if self.serving.lock().is_none() {
            self.serve(tokio::net::TcpListener::bind(self.address).await?);
        }
        Ok(())
    }

    /// When it was called since this was asked last.
    pub(super) fn take_calls(&self) -> Vec<Instant> {
        std::mem::take(&mut self.shared.calls.lock())
    }

    fn serve(&self, listener: tokio::net::TcpListener) {
        let router =
            Router::new().route("/session", get(session)).with_state(Arc::clone(&self.shared));
        let serve = async move {
            // Ends when it is aborted.
            let _ = axum::serve(listener, router).await;
        };
        *self.serving.lock() = Some(tokio::spawn(serve));
    }
}

async fn session(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    shared.calls.lock().push(Instant::now());
    let mode = *shared.mode.lock();
    match mode {
        Some(Mode::Hang) => std::future::pending().await,
        // Connections that were open before the listener went are answered like this.
        Some(Mode::Error | Mode::Refuse) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        None => {
            let cookie = headers.get("cookie").and_then(|value| value.to_str().ok());
            let user = cookie.and_then(|cookie| cookie.strip_prefix("sso=")).unwrap_or("nobody");
            Json(serde_json::json!({ "username": user })).into_response()
        }
    }
}
