//! What handlers answer with: JSON that nobody may keep.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// A JSON answer; what may carry tokens must not be kept by anybody (RFC 6749 section 5.1).
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    json_text(status, serde_json::to_vec(body).unwrap_or_default())
}

/// The same of a text that is JSON already. Token answers are put together as text: a JWT is
/// base64url and dots (RFC 7515 section 7.1), and looking at each of its bytes for something to
/// escape costs as much as signing it.
pub(super) fn json_text(status: StatusCode, bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
