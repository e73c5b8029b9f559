//! The layers around the routes, a file each. Their order, and why, stands in `http/mod.rs`.

mod access_log;
mod catch_panic;
mod correlation;
mod deadline;
mod load_shed;

pub use access_log::AccessLog;
pub use catch_panic::CatchPanic;
pub use correlation::Correlation;
pub use deadline::Deadline;
pub use load_shed::LoadShed;

use axum::response::{IntoResponse, Response};
use http::Request;

use super::error::HttpError;
use super::request::Info;

/// An error made by a layer, about the request it stood in front of.
fn refuse(info: Option<&Info>, error: HttpError) -> Response {
    match info {
        Some(info) => error.of(info).into_response(),
        None => error.into_response(),
    }
}

fn info<B>(request: &Request<B>) -> Option<Info> {
    request.extensions().get::<Info>().cloned()
}
