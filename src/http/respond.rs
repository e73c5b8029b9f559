//! How answers leave the handlers: JSON that nobody may keep, or an error that says which
//! request it is about.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::error::HttpError;
use super::request::Info;

/// A JSON answer; what may carry tokens must not be kept by anybody (RFC 6749 section 5.1).
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The answer, or the error as the client is told it.
pub(super) fn respond(info: &Info, answer: Result<Response, HttpError>) -> Response {
    answer.unwrap_or_else(|error| error.of(info).into_response())
}
