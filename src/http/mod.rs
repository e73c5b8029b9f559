//! The HTTP edge: bytes into typed requests, answers and errors into bytes. This file is
//! the router and the layer stack, a comment a layer; one file a dialect and a layer.

mod ags;
mod answerhub;
mod body;
mod chunks;
mod context;
mod credentials;
mod error;
mod gateway;
mod handler;
mod jwks;
pub mod layers;
mod network;
mod request;
mod respond;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::{get, patch, post};
use http::Request;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service};
use tower_http::cors::CorsLayer;

pub use error::{ErrorCode, HttpError};
pub use gateway::{Gateway, SharedGateway};
pub use network::{CountryDatabase, NetworkRules};
pub use request::{Info, Peer, RequestInfo};

use self::handler::{Answers, respond};
use crate::domain::Random;

/// The whole service, ready to answer requests that carry a [`Peer`].
pub type GatewayService = BoxCloneSyncService<Request<Body>, Response, Infallible>;

/// What the layers need to know.
#[derive(Debug)]
pub struct LayerSettings {
    /// Makes correlation ids.
    pub random: Arc<dyn Random>,
    /// Requests in flight before further ones are shed with 503.
    pub max_in_flight: usize,
    /// How long a request may take.
    pub deadline: Duration,
    /// Browser clients that may call, if any.
    pub cors: Option<CorsLayer>,
}

/// The routes, without the layers.
fn router(gateway: SharedGateway) -> Router {
    Router::new()
        .route("/services/v2/auth/cookiesso/token.json", post(Answers(answerhub::cookie_token)))
        .route("/services/v2/auth/token.json", post(Answers(answerhub::token)))
        .route("/services/v2/user.json", get(Answers(answerhub::user)))
        .route("/ags/servicediscovery", get(Answers(ags::discovery)))
        .route("/ags/getSessionToken", post(Answers(ags::session_ticket)))
        .route("/ags/signOnWithSessionToken", post(Answers(ags::sign_on::with_session_token)))
        .route("/ags/signOn", post(Answers(ags::sign_on::with_credential)))
        .route("/ags/subsequentSignOn", post(Answers(ags::sign_on::subsequent)))
        .route("/ags/refresh", post(Answers(ags::refresh)))
        .route("/ags/signOut", post(Answers(ags::sign_out)))
        .route("/ags/signOutEverywhere", post(Answers(ags::sign_out_everywhere)))
        .route("/ags/devices", get(Answers(ags::devices::list)))
        .route(
            "/ags/devices/{id}",
            patch(Answers(ags::devices::change)).delete(Answers(ags::devices::delete)),
        )
        .route("/.well-known/jwks.json", get(Answers(jwks::jwks)))
        .route("/tenants/{tenant}/.well-known/jwks.json", get(jwks::tenant_jwks))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(gateway)
}

/// The service: the routes inside the layers, outermost first.
#[must_use]
pub fn service(gateway: SharedGateway, settings: LayerSettings) -> GatewayService {
    let inner = router(gateway);

    // Innermost: a request that takes longer than it may is answered for, and dropped.
    let inner = layers::Deadline::new(settings.deadline).layer(inner);
    // Outside the deadline: a request that cannot be served soon is refused at once, and
    // one that is shed costs neither a timer nor a body read.
    let inner = layers::LoadShed::new(settings.max_in_flight).layer(inner);
    // A panic anywhere below becomes a 500, and a shed slot is given back by its guard.
    let inner = layers::CatchPanic.layer(inner);
    // Browsers read every answer, errors of the layers below included.
    let cors = tower::util::option_layer(settings.cors);
    let inner = cors.layer(inner);
    // One line a request, whatever happened below; all that is logged below is in its scope.
    let inner = layers::AccessLog.layer(inner);
    // Outermost: everything below has a correlation id, and every answer carries it.
    let inner = layers::Correlation::new(settings.random).layer(inner);

    boxed(inner)
}

/// Says which requests the layers are for, which they leave open.
fn boxed<S>(service: S) -> GatewayService
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    BoxCloneSyncService::new(service)
}

async fn not_found(info: Info) -> Response {
    respond(&info, Err(HttpError::new(ErrorCode::NotFound, "there is nothing at this path")))
}

async fn method_not_allowed(info: Info) -> Response {
    let detail = "this path answers to other methods, see the allow header";
    respond(&info, Err(HttpError::new(ErrorCode::MethodNotAllowed, detail)))
}
