//! What every handler begins and ends with: it is given a request with the configuration of this
//! moment, and what it answers is an answer or an error, which leaves here saying which request it is
//! about. `mod.rs` puts it around each handler; it knows no dialect.

use std::pin::Pin;
use std::sync::Arc;

use arc_swap::Guard;
use axum::extract::Request;
use axum::handler::Handler;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::error::HttpError;
use super::gateway::{Gateway, SharedGateway};
use super::request::{Info, Peer};

/// What a handler answers.
pub(super) type Answer = Result<Response, HttpError>;

/// A request that nothing has been read of.
pub(super) struct Incoming {
    /// The newest good configuration when it came.
    pub(super) gateway: Guard<Arc<Gateway>>,
    /// The socket that it came in on.
    pub(super) peer: Peer,
    /// What is known of it.
    pub(super) info: Info,
    /// Its head and body.
    pub(super) request: Request,
}

/// The handler that has `F` answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answers<F>(pub(super) F);

impl<F, Fut> Handler<Incoming, SharedGateway> for Answers<F>
where
    F: FnOnce(Incoming) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send,
{
    type Future = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn call(self, request: Request, gateway: SharedGateway) -> Self::Future {
        Box::pin(async move {
            let extensions = request.extensions();
            let (peer, info) = (extensions.get::<Peer>().copied(), extensions.get::<Info>());
            let (Some(peer), Some(info)) = (peer, info.cloned()) else {
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            };
            let incoming = Incoming { gateway: gateway.load(), peer, info: info.clone(), request };
            respond(&info, self.0(incoming).await)
        })
    }
}

/// The answer, or the error as the client is told it.
pub(super) fn respond(info: &Info, answer: Answer) -> Response {
    answer.unwrap_or_else(|error| error.of(info).into_response())
}
