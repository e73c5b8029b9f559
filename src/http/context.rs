//! Which tenant and which authentication service a request is for: the rules of
//! `nv-tenant-id`, `Host` and `x-auth-service-id`, and what else a story needs to know.

use std::sync::Arc;

use http::{HeaderMap, Uri};

use super::error::{ErrorCode, HttpError};
use super::gateway::Gateway;
use super::request::{Info, Peer};
use crate::domain::{ServiceName, TenantId};
use crate::exchange::ExchangeCx;
use crate::exchange::tenant::{AnswerHub, Service, Tenant};

const TENANT: &str = "nv-tenant-id";
const SERVICE: &str = "x-auth-service-id";

/// The one value of a header, as text.
///
/// # Errors
/// 400 when it is sent twice or is not visible ASCII.
pub(super) fn single<'h>(
    headers: &'h HeaderMap,
    name: &'static str,
) -> Result<Option<&'h str>, HttpError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(HttpError::bad_request(format!("header {name} is sent more than once")));
    }
    let text = value.to_str();
    text.map(Some).map_err(|_| {
        HttpError::bad_request(format!("header {name} has characters it may not have"))
    })
}

/// The tenant that `nv-tenant-id` names, if it is sent.
fn named_tenant(gateway: &Gateway, headers: &HeaderMap) -> Result<Option<Arc<Tenant>>, HttpError> {
    let Some(text) = single(headers, TENANT)? else { return Ok(None) };
    let id = TenantId::parse(text)
        .map_err(|e| HttpError::bad_request(format!("header {TENANT}: {e}")))?;
    let found = gateway.tenants.get(&id).cloned();
    found.map(Some).ok_or_else(unknown_tenant)
}

fn unknown_tenant() -> HttpError {
    HttpError::new(ErrorCode::NotFound, "tenant does not exist")
}

/// The tenant of a site call: named, else by host, else the default, else the only one.
pub(super) fn site_tenant(
    gateway: &Gateway,
    headers: &HeaderMap,
    uri: &Uri,
    peer: Peer,
    info: &Info,
) -> Result<Arc<Tenant>, HttpError> {
    let tenant = match named_tenant(gateway, headers)? {
        Some(tenant) => tenant,
        None => by_host(gateway, headers, uri, peer)
            .or(gateway.default_tenant.as_ref())
            .or_else(|| gateway.only_tenant())
            .cloned()
            .ok_or_else(missing_tenant)?,
    };
    let _ = info.tenant.set(tenant.id.clone());
    Ok(tenant)
}

/// The tenant of an AGS call: named, or the only one.
pub(super) fn ags_tenant(
    gateway: &Gateway,
    headers: &HeaderMap,
    info: &Info,
) -> Result<Arc<Tenant>, HttpError> {
    let tenant = match named_tenant(gateway, headers)? {
        Some(tenant) => tenant,
        None => gateway.only_tenant().cloned().ok_or_else(missing_tenant)?,
    };
    let _ = info.tenant.set(tenant.id.clone());
    Ok(tenant)
}

fn missing_tenant() -> HttpError {
    HttpError::bad_request(format!("header {TENANT} is missing"))
}

/// The host that the client asked for: as a trusted proxy says, else as HTTP/2 or HTTP/1.1 say.
fn by_host<'g>(
    gateway: &'g Gateway,
    headers: &HeaderMap,
    uri: &Uri,
    peer: Peer,
) -> Option<&'g Arc<Tenant>> {
    if gateway.hosts.is_empty() {
        return None;
    }
    let forwarded = gateway.network.forwarded_host(headers, peer);
    let host = match forwarded.or_else(|| uri.authority().map(|a| a.as_str())) {
        Some(host) => host,
        None => headers.get(http::header::HOST)?.to_str().ok()?,
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    gateway.hosts.get(&name.to_ascii_lowercase())
}

/// The AnswerHub side of a tenant.
pub(super) fn answerhub(tenant: &Tenant) -> Result<&AnswerHub, HttpError> {
    let none = || HttpError::new(ErrorCode::NotFound, "this tenant has no site sign-on");
    tenant.answerhub.as_ref().ok_or_else(none)
}

/// The service that `x-auth-service-id` names, if it is sent.
pub(super) fn named_service<'t>(
    tenant: &'t Tenant,
    headers: &HeaderMap,
    info: &Info,
) -> Result<Option<&'t Service>, HttpError> {
    let Some(text) = single(headers, SERVICE)? else { return Ok(None) };
    let name = ServiceName::parse(text)
        .map_err(|e| HttpError::bad_request(format!("header {SERVICE}: {e}")))?;
    let service = tenant.services.get(&name).ok_or_else(|| {
        HttpError::new(ErrorCode::NotFound, "authentication service does not exist")
    })?;
    let _ = info.service.set(service.name.clone());
    Ok(Some(service))
}

/// What a story needs to know of the request.
pub(super) fn exchange_cx<'a>(
    gateway: &'a Gateway,
    headers: &HeaderMap,
    peer: Peer,
    info: &Info,
    want_country: bool,
) -> ExchangeCx<'a> {
    let client = gateway.network.client(headers, peer, want_country);
    let _ = info.client.set(client.ip);
    ExchangeCx {
        now: gateway.clock.now(),
        deadline: info.started + gateway.deadline,
        client,
        random: &*gateway.random,
    }
}
