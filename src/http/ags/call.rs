//! What every AGS call has: a tenant that speaks AGS, a service that it names, and a JSON
//! body. Checked in this order, so that a call with several mistakes always gets the same answer.

use std::sync::Arc;

use arc_swap::Guard;
use axum::body::Bytes;
use http::HeaderMap;

use super::input::Input;
use crate::domain::ServiceName;
use crate::exchange::ExchangeCx;
use crate::exchange::tenant::{Ags, Endpoint, Service, SignOnForm, Tenant};
use crate::http::context::{ags_tenant, exchange_cx, named_service, single};
use crate::http::error::{ErrorCode, HttpError};
use crate::http::gateway::Gateway;
use crate::http::handler::Incoming;
use crate::http::request::{Info, Peer};
use crate::http::{body, credentials};

/// One AGS call, read to its end.
pub(super) struct Call {
    /// Whose API is called.
    pub(super) tenant: Arc<Tenant>,
    gateway: Guard<Arc<Gateway>>,
    service: usize,
    headers: HeaderMap,
    body: Bytes,
    peer: Peer,
    info: Info,
}

impl Call {
    /// Reads a call.
    ///
    /// # Errors
    /// 400, 404, 408 or 413: a missing or malformed header or body, or an unknown tenant or service.
    pub(super) async fn read(incoming: Incoming) -> Result<Self, HttpError> {
        let Incoming { gateway, peer, info, request } = incoming;
        let (parts, request_body) = request.into_parts();
        let tenant = ags_tenant(&gateway, &parts.headers, &info)?;
        let service = required_service(&tenant, &parts.headers, &info)?;
        body::must_be_json(&parts.headers)?;
        let deadline = info.started + gateway.deadline;
        let body = body::read(request_body, gateway.max_body, deadline).await?;
        let call = Self { tenant, gateway, service, headers: parts.headers, body, peer, info };
        call.ags()?;
        Ok(call)
    }

    /// The AGS side of the tenant.
    pub(super) fn ags(&self) -> Result<&Ags, HttpError> {
        self.tenant.ags.as_ref().ok_or_else(no_ags)
    }

    /// The service that the call names.
    pub(super) fn service(&self) -> &Service {
        &self.tenant.services[self.service]
    }

    /// The call's entry in the service's table.
    ///
    /// # Errors
    /// 404 when the service does not offer the call.
    pub(super) fn endpoint(&self, path: &str) -> Result<&Endpoint, HttpError> {
        self.service().endpoint(path).ok_or_else(not_offered)
    }

    /// The body, held to the call's table.
    ///
    /// # Errors
    /// 400.
    pub(super) fn input(&self, endpoint: Option<&Endpoint>) -> Result<Input<'_>, HttpError> {
        Input::parse(&self.body, endpoint)
    }

    /// The token in `Authorization`, bare or `Bearer`.
    ///
    /// # Errors
    /// 400 when there is none.
    pub(super) fn authorization(&self) -> Result<&str, HttpError> {
        authorization(&self.headers)
    }

    /// The one-time token in `User-Token`.
    ///
    /// # Errors
    /// 400 when there is none.
    pub(super) fn user_token(&self) -> Result<&str, HttpError> {
        let token = single(&self.headers, "user-token")?.map(str::trim).filter(|t| !t.is_empty());
        token.ok_or_else(|| HttpError::bad_request("header user-token is missing"))
    }

    /// Where the service's `signOn` finds the credential.
    ///
    /// # Errors
    /// 404 when the service does not offer the call.
    pub(super) fn sign_on_form(&self) -> Result<&SignOnForm, HttpError> {
        self.service().sign_on.as_ref().ok_or_else(not_offered)
    }

    /// What the story needs to know.
    pub(super) fn cx(&self, want_country: bool) -> ExchangeCx<'_> {
        exchange_cx(&self.gateway, &self.headers, self.peer, &self.info, want_country)
    }
}

/// The token in `Authorization`, bare or `Bearer`.
///
/// # Errors
/// 400 when there is none.
pub(super) fn authorization(headers: &HeaderMap) -> Result<&str, HttpError> {
    credentials::bearer(headers, true)?
        .ok_or_else(|| HttpError::bad_request("authorization header is missing or not usable"))
}

fn not_offered() -> HttpError {
    HttpError::new(ErrorCode::NotFound, "this authentication service does not offer this call")
}

pub(super) fn no_ags() -> HttpError {
    HttpError::new(ErrorCode::NotFound, "this tenant has no authentication services")
}

/// The place of the service that `x-auth-service-id` names, which every POST must send.
fn required_service(tenant: &Tenant, headers: &HeaderMap, info: &Info) -> Result<usize, HttpError> {
    let service = named_service(tenant, headers, info)?
        .ok_or_else(|| HttpError::bad_request("header x-auth-service-id is missing"))?;
    let name: &ServiceName = &service.name;
    tenant.services.get_index_of(name).ok_or_else(no_ags)
}
