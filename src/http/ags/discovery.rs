//! `GET /ags/servicediscovery` (contract B.1): the table that requests are held to, as the
//! vendor's document.

use http::StatusCode;
use serde::Serialize;

use super::call::no_ags;
use crate::exchange::tenant::{DisplayAttributes, Endpoint};
use crate::http::context::ags_tenant;
use crate::http::handler::{Answer, Incoming};
use crate::http::respond::json;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DiscoveryBody<'a> {
    available_services: Vec<DiscoveredService<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DiscoveredService<'a> {
    auth_service_name: &'a str,
    display_attributes: &'a DisplayAttributes,
    endpoints: &'a [Endpoint],
}

/// The tenant's services; 404 when it has none.
pub(in crate::http) async fn discovery(incoming: Incoming) -> Answer {
    let Incoming { gateway, info, request, .. } = incoming;
    let tenant = ags_tenant(&gateway, request.headers(), &info)?;
    let services = tenant.services.values().filter(|s| !s.endpoints.is_empty());
    let available_services: Vec<_> = services
        .map(|service| DiscoveredService {
            auth_service_name: service.name.as_str(),
            display_attributes: &service.display,
            endpoints: &service.endpoints,
        })
        .collect();
    if tenant.ags.is_none() || available_services.is_empty() {
        return Err(no_ags());
    }
    Ok(json(StatusCode::OK, &DiscoveryBody { available_services }))
}
