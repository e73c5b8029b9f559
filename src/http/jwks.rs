//! `GET /.well-known/jwks.json`: a tenant's public keys (RFC 7517), for every API that
//! verifies its tokens. Symmetric keys are never in it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderValue, header};

use super::context::site_tenant;
use super::error::{ErrorCode, HttpError};
use super::gateway::SharedGateway;
use super::handler::{Answer, Incoming, respond};
use super::request::Info;
use crate::domain::TenantId;
use crate::exchange::tenant::Tenant;

/// How long verifiers may keep it, in seconds; a new key is published longer before it signs.
const MAX_AGE: &str = "public, max-age=300";

/// By header, host or default.
pub(super) async fn jwks(incoming: Incoming) -> Answer {
    let Incoming { gateway, peer, info, request } = incoming;
    let tenant = site_tenant(&gateway, request.headers(), request.uri(), peer, &info)?;
    Ok(document(&tenant))
}

/// By path, for verifiers that can set no header.
pub(super) async fn tenant_jwks(
    State(gateway): State<SharedGateway>,
    Path(tenant): Path<String>,
    info: Info,
) -> Response {
    let gateway = gateway.load();
    let found: Option<&Arc<Tenant>> =
        TenantId::parse(&tenant).ok().and_then(|id| gateway.tenants.get(&id));
    let tenant = found.ok_or_else(|| HttpError::new(ErrorCode::NotFound, "tenant does not exist"));
    respond(&info, tenant.map(|t| document(t)))
}

fn document(tenant: &Tenant) -> Response {
    let mut response = Response::new(Body::from(tenant.jwks.to_string()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(MAX_AGE));
    response
}
