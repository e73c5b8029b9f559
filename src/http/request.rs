//! What the layers and handlers tell each other about one request: made by the outermost
//! layer, carried in the request's extensions, read again for the access log.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::domain::{CorrelationId, ServiceName, TenantId};

/// The socket a request came in on.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// The other end's address: a load balancer's, usually.
    pub ip: IpAddr,
    /// Whether the connection is TLS.
    pub tls: bool,
}

/// One request, as far as it is known.
#[derive(Debug)]
pub struct RequestInfo {
    /// Ties the call flow together.
    pub correlation_id: CorrelationId,
    /// When its head had been read.
    pub started: Instant,
    /// The client's address, once resolved: behind trusted proxies, not the peer's.
    pub client: OnceLock<IpAddr>,
    /// The tenant, once resolved.
    pub tenant: OnceLock<TenantId>,
    /// The authentication service, once resolved.
    pub service: OnceLock<ServiceName>,
    /// Why it failed, for the log: never shown to the client.
    pub cause: OnceLock<String>,
}

/// The shared handle on a request's [`RequestInfo`]; an extractor.
#[derive(Debug, Clone)]
pub struct Info(pub Arc<RequestInfo>);

impl std::ops::Deref for Info {
    type Target = RequestInfo;
    fn deref(&self) -> &RequestInfo {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Info {
    type Rejection = http::StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or(http::StatusCode::INTERNAL_SERVER_ERROR)
    }
}
