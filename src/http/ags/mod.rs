//! The OpenTV AGS dialect: discovery, session token, sign-on, refresh and sign-out
//! (contract B). One handler a call; what the calls share stands in `call.rs`. Shapes are
//! checked here, before anything is used up.

mod call;
pub(super) mod devices;
mod discovery;
mod input;
pub(super) mod sign_on;

use axum::response::Response;
use http::StatusCode;
use serde::Serialize;

pub(super) use discovery::discovery;

use self::call::Call;
use super::handler::{Answer, Incoming};
use super::respond::{json, json_text};
use crate::exchange;
use crate::session::Session;
use crate::token::TokenPair;

#[derive(Serialize)]
struct SessionTokenBody<'a> {
    #[serde(rename = "sessionToken")]
    session_token: &'a str,
}

/// `POST /ags/getSessionToken` (contract B.2).
pub(super) async fn session_ticket(incoming: Incoming) -> Answer {
    let call = Call::read(incoming).await?;
    let input = call.input(Some(call.endpoint("/getSessionToken")?))?;

    let operator_token = input.required("OperatorAuthToken")?;
    let cx = call.cx(false);
    let (ags, service) = (call.ags()?, call.service());
    let story = exchange::session_ticket::exchange(&call.tenant, ags, service, operator_token, &cx);
    let token = story.await?;
    Ok(json(StatusCode::OK, &SessionTokenBody { session_token: token.expose() }))
}

/// `POST /ags/refresh` (contract B.5).
pub(super) async fn refresh(incoming: Incoming) -> Answer {
    let call = Call::read(incoming).await?;
    let token = call.authorization()?;
    call.input(call.service().endpoint("/refresh"))?;

    let cx = call.cx(false);
    let story = exchange::refresh::exchange(&call.tenant, call.ags()?, call.service(), token, &cx);
    let (session, pair) = story.await?;
    Ok(token_answer(StatusCode::OK, &session, &pair))
}

/// `POST /ags/signOut` (contract B.6).
pub(super) async fn sign_out(incoming: Incoming) -> Answer {
    let call = Call::read(incoming).await?;
    let token = call.authorization()?;
    call.input(call.service().endpoint("/signOut"))?;

    let cx = call.cx(false);
    exchange::sign_out::exchange(&call.tenant, call.ags()?, token, &cx).await?;
    Ok(json(StatusCode::OK, &serde_json::Map::new()))
}

/// `POST /ags/signOutEverywhere`: Cambio's own, shaped like `signOut`.
pub(super) async fn sign_out_everywhere(incoming: Incoming) -> Answer {
    let call = Call::read(incoming).await?;
    let token = call.authorization()?;
    call.input(call.service().endpoint("/signOutEverywhere"))?;

    let cx = call.cx(false);
    exchange::sign_out::everywhere(&call.tenant, call.ags()?, token, &cx).await?;
    Ok(json(StatusCode::OK, &serde_json::Map::new()))
}

/// The token body of the sign-on family and of refresh (contract B.0).
fn token_answer(status: StatusCode, session: &Session, pair: &TokenPair) -> Response {
    let (access, refresh) = (&pair.access_token, &pair.refresh_token);
    let device = serde_json::Value::from(session.device.as_str());
    let account = serde_json::Value::from(session.facts.account.id.as_str());
    let mut body = Vec::with_capacity(access.len() + refresh.len() + 320);
    let parts = ["{\"access_token\":\"", access, "\",\"refresh_token\":\"", refresh, "\""];
    parts.iter().for_each(|part| body.extend_from_slice(part.as_bytes()));
    let rest = format!(
        ",\"client_id\":{device},\"accountId\":{account},\"token_type\":\"bearer\",\
         \"expires_in\":{},\"refresh_expires_in\":{},\"fixed_refresh_expires_in\":{}}}",
        pair.expires_in, pair.refresh_expires_in, pair.fixed_refresh_expires_in
    );
    body.extend_from_slice(rest.as_bytes());
    json_text(status, body)
}
