//! `/ags/devices`: an account's devices, for whoever is signed on to it. Cambio's own calls: the
//! vendor documents none. They take the access token, and only while its session is alive.

use std::sync::Arc;

use arc_swap::Guard;
use axum::RequestPartsExt;
use axum::body::Body;
use axum::extract::Path;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call::{authorization, no_ags};
use crate::domain::DeviceId;
use crate::exchange::ExchangeCx;
use crate::exchange::devices::{self, UserChange};
use crate::exchange::tenant::{Ags, Tenant};
use crate::http::body;
use crate::http::context::{ags_tenant, exchange_cx};
use crate::http::error::{ErrorCode, HttpError};
use crate::http::gateway::Gateway;
use crate::http::handler::{Answer, Incoming};
use crate::http::request::{Info, Peer};
use crate::http::respond::json;
use crate::session::{Device, DeviceState};

/// `GET /ags/devices`
pub(in crate::http) async fn list(incoming: Incoming) -> Answer {
    let (caller, _) = Caller::read(incoming).await?;
    let (cx, ags, token) = (caller.cx(), caller.ags()?, authorization(&caller.headers)?);
    let (session, devices) = devices::list(&caller.tenant, ags, token, &cx).await?;
    let devices = devices.iter().map(|device| DeviceBody::of(device, &session.device));
    Ok(json(StatusCode::OK, &DevicesBody { devices: devices.collect() }))
}

/// `PATCH /ags/devices/{id}`
pub(in crate::http) async fn change(incoming: Incoming) -> Answer {
    let (caller, body) = Caller::read(incoming).await?;
    let (cx, ags, token) = (caller.cx(), caller.ags()?, authorization(&caller.headers)?);
    body::must_be_json(&caller.headers)?;
    let bytes = body::read(body, caller.gateway.max_body, cx.deadline).await?;
    caller.change(ags, token, wanted(&bytes)?, &cx).await
}

/// `DELETE /ags/devices/{id}`
pub(in crate::http) async fn delete(incoming: Incoming) -> Answer {
    let (caller, _) = Caller::read(incoming).await?;
    let (cx, ags, token) = (caller.cx(), caller.ags()?, authorization(&caller.headers)?);
    caller.change(ags, token, UserChange::Delete, &cx).await
}

/// Who calls, and about which device.
struct Caller {
    tenant: Arc<Tenant>,
    gateway: Guard<Arc<Gateway>>,
    /// The path's, if it can be one.
    device: Option<DeviceId>,
    headers: HeaderMap,
    peer: Peer,
    info: Info,
}

impl Caller {
    /// Reads the head; the body is as it came.
    async fn read(incoming: Incoming) -> Result<(Self, Body), HttpError> {
        let Incoming { gateway, peer, info, request } = incoming;
        let (mut parts, body) = request.into_parts();
        let tenant = ags_tenant(&gateway, &parts.headers, &info)?;
        let id = parts.extract::<Path<String>>().await.ok();
        let device = id.and_then(|Path(id)| DeviceId::parse(&id).ok());
        Ok((Self { tenant, gateway, device, headers: parts.headers, peer, info }, body))
    }

    fn cx(&self) -> ExchangeCx<'_> {
        exchange_cx(&self.gateway, &self.headers, self.peer, &self.info, false)
    }

    fn ags(&self) -> Result<&Ags, HttpError> {
        self.tenant.ags.as_ref().ok_or_else(no_ags)
    }

    async fn change(
        &self,
        ags: &Ags,
        token: &str,
        wanted: UserChange,
        cx: &ExchangeCx<'_>,
    ) -> Answer {
        let unknown = || HttpError::new(ErrorCode::NotFound, "device does not exist");
        let device = self.device.as_ref().ok_or_else(unknown)?;
        let story = devices::change(&self.tenant, ags, token, device, wanted, cx);
        let (session, changed) = story.await?;
        Ok(match changed {
            Some(device) => json(StatusCode::OK, &DeviceBody::of(&device, &session.device)),
            None => json(StatusCode::OK, &serde_json::Map::new()),
        })
    }
}

/// What a change asks for: `{"name": …}` or `{"state": "disabled"}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeBody {
    #[serde(default, deserialize_with = "present")]
    name: Option<Option<String>>,
    #[serde(default)]
    state: Option<String>,
}

/// Tells `null` from a member that is not there.
fn present<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(d).map(Some)
}

fn wanted(bytes: &[u8]) -> Result<UserChange, HttpError> {
    let body: ChangeBody = serde_json::from_slice(bytes)
        .map_err(|_| HttpError::bad_request("body is not a json object of name or state"))?;
    match (body.name, body.state.as_deref()) {
        (Some(None), None) => Ok(UserChange::Rename(None)),
        (Some(Some(name)), None) => {
            let fits = (1..=Device::MAX_NAME).contains(&name.len());
            if !fits || name.trim() != name || name.chars().any(char::is_control) {
                return Err(HttpError::bad_request(
                    "name is not 1 to 128 bytes without control characters and spaces around it",
                ));
            }
            Ok(UserChange::Rename(Some(name)))
        }
        (None, Some("disabled")) => Ok(UserChange::Disable),
        (None, Some(_)) => Err(HttpError::bad_request("state can be set to disabled only")),
        _ => Err(HttpError::bad_request("exactly one of name and state is needed")),
    }
}

#[derive(Serialize)]
struct DevicesBody<'a> {
    devices: Vec<DeviceBody<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviceBody<'a> {
    client_id: &'a str,
    name: Option<&'a str>,
    state: DeviceState,
    playout_device_class: Option<&'a str>,
    device_information: Value,
    /// Seconds since the epoch.
    registered_at: i64,
    /// Whether it is the caller's own.
    current: bool,
}

impl<'a> DeviceBody<'a> {
    fn of(device: &'a Device, current: &DeviceId) -> Self {
        Self {
            client_id: device.id.as_str(),
            name: device.name.as_deref(),
            state: device.state,
            playout_device_class: device.class.as_deref(),
            device_information: serde_json::from_str(&device.information).unwrap_or_default(),
            registered_at: device.registered_at.secs(),
            current: device.id == *current,
        }
    }
}
