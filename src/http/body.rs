//! Reading a request's body: bounded in size and time, and JSON when it must be.

use std::time::Instant;

use axum::body::{Body, Bytes};
use http::{HeaderMap, header};
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::error::{ErrorCode, HttpError};

/// The whole body.
///
/// # Errors
/// 413 when it is longer than `limit` bytes, 408 when it is not there by `deadline`, 400 when
/// it breaks off.
pub(super) async fn read(body: Body, limit: usize, deadline: Instant) -> Result<Bytes, HttpError> {
    let hint = body.size_hint();
    if hint.exact() == Some(0) {
        return Ok(Bytes::new());
    }
    if hint.lower() > limit as u64 {
        return Err(too_large(limit));
    }
    let collected = Limited::new(body, limit).collect();
    match tokio::time::timeout_at(deadline.into(), collected).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Ok(Err(error)) => {
            Err(HttpError::bad_request("body broke off").because(format!("body: {error}")))
        }
        Err(_) => Err(HttpError::new(ErrorCode::RequestTimeout, "body did not arrive in time")),
    }
}

fn too_large(limit: usize) -> HttpError {
    HttpError::new(ErrorCode::PayloadTooLarge, format!("body is longer than {limit} bytes"))
}

/// Refuses a body that says it is something else than JSON; silence is fine (contract B.0).
///
/// # Errors
/// 400, since 415 is in no vendor's list.
pub(super) fn must_be_json(headers: &HeaderMap) -> Result<(), HttpError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let essence = value.as_bytes().split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
    let json = essence.eq_ignore_ascii_case(b"application/json")
        || essence.eq_ignore_ascii_case(b"text/json")
        || (essence.len() > 5 && essence[essence.len() - 5..].eq_ignore_ascii_case(b"+json"));
    if json { Ok(()) } else { Err(HttpError::bad_request("content-type is not json")) }
}
