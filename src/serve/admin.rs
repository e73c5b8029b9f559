//! The admin listener: `/livez` (the process answers) and `/readyz` (it should get traffic).
//! Bound to loopback by default; nothing of a client's passes here.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::Stage;
use crate::session::Store;

/// How long a readiness check may take before it counts as failed.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// What readiness depends on. Validators are not in it: one tenant's SSO system being down
/// must not take the others' gateway out of the load balancer.
#[derive(Debug, Clone)]
pub struct Health {
    /// Sessions.
    pub store: Arc<dyn Store>,
    /// Whether the process is on its way out.
    pub stage: watch::Receiver<Stage>,
}

/// The admin routes.
pub fn router(health: Health) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(health)
}

/// Serves the admin routes until the process stops.
pub async fn run(listener: TcpListener, health: Health) {
    if let Err(error) = axum::serve(listener, router(health)).await {
        tracing::error!(%error, "admin listener failed");
    }
}

async fn ready(State(health): State<Health>) -> Response {
    if *health.stage.borrow() != Stage::Running {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n").into_response();
    }
    match tokio::time::timeout(CHECK_TIMEOUT, health.store.check()).await {
        Ok(Ok(())) => "ok\n".into_response(),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "session store is unavailable\n").into_response()
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "session store is slow\n").into_response(),
    }
}
