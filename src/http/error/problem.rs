//! How a client is told of an error: `application/problem+json` (RFC 9457), and the headers that say
//! what to do about it.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

use super::HttpError;

/// The document (RFC 9457 section 3.1). Where the type is `about:blank`, the title is the status'.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u32>,
    #[serde(rename = "correlationId", skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let (kind, title) = self.code.problem_type();
        let problem = Problem {
            r#type: kind,
            title,
            status: status.as_u16(),
            detail: &self.detail,
            code: self.code.vendor_code(),
            correlation_id: self.correlation_id.as_deref(),
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self.extra_headers(headers);
        response
    }
}

impl HttpError {
    fn extra_headers(&self, headers: &mut HeaderMap) {
        if self.code.status() == StatusCode::UNAUTHORIZED {
            // RFC 6750 section 3; every 401 says how to do better (RFC 9110 section 11.6.1).
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(r#"Bearer realm="cambio", error="invalid_token""#),
            );
        }
        if let Some(after) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
    }
}
