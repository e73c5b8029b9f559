//! The AnswerHub dialect: `token.json` and `user.json` (contract A).

use http::StatusCode;
use serde::Serialize;

use super::context::{answerhub, exchange_cx, named_service, site_tenant};
use super::error::{ErrorCode, HttpError};
use super::handler::{Answer, Incoming};
use super::respond::{json, json_text};
use super::{body, credentials};
use crate::domain::CredentialKind;
use crate::exchange::tenant::{AnswerHub, Service, Tenant};
use crate::exchange::{cookie_sso, current_user};
use crate::token::SiteToken;

/// `POST /services/v2/auth/cookiesso/token.json`: the SSO cookie, or a header of its name.
pub(super) async fn cookie_token(incoming: Incoming) -> Answer {
    exchange_token(incoming, false).await
}

/// `POST /services/v2/auth/token.json`: `Basic` if present, else the SSO cookie.
pub(super) async fn token(incoming: Incoming) -> Answer {
    exchange_token(incoming, true).await
}

/// The vendor's answer: the heading promises `jwt`, the captured reply has `idToken`.
fn token_body(SiteToken { token, expires_in }: &SiteToken) -> Vec<u8> {
    let mut body = Vec::with_capacity(2 * token.len() + 64);
    let parts = ["{\"jwt\":\"", token, "\",\"idToken\":\"", token, "\",\"expiresIn\":"];
    parts.iter().for_each(|part| body.extend_from_slice(part.as_bytes()));
    body.extend_from_slice(expires_in.to_string().as_bytes());
    body.push(b'}');
    body
}

async fn exchange_token(incoming: Incoming, basic_too: bool) -> Answer {
    let Incoming { gateway, peer, info, request } = incoming;
    let (parts, request_body) = request.into_parts();
    let headers = &parts.headers;
    let tenant = site_tenant(&gateway, headers, &parts.uri, peer, &info)?;
    let answerhub = answerhub(&tenant)?;
    let named = named_service(&tenant, headers, &info)?;
    let cx = exchange_cx(&gateway, headers, peer, &info, false);
    // The body means nothing here, but it is read, so that the connection can go on.
    body::read(request_body, gateway.max_body, cx.deadline).await?;

    let basic = if basic_too { credentials::basic(headers)? } else { None };
    let (service, credential) = match basic {
        Some(credential) => (password_service(&tenant, answerhub, named)?, credential),
        None => {
            let service = cookie_service(&tenant, answerhub, named)?;
            let credential = credentials::sso_cookie(headers, &service.cookie, !basic_too)?;
            let missing = || {
                let basic = if basic_too { " and so are a user name and a password" } else { "" };
                HttpError::bad_request(format!("cookie {} is missing{basic}", service.cookie))
            };
            (service, credential.ok_or_else(missing)?)
        }
    };
    let _ = info.service.set(service.name.clone());

    let token = cookie_sso::exchange(&tenant, answerhub, service, &credential, &cx).await?;
    Ok(json_text(StatusCode::OK, token_body(&token)))
}

fn cookie_service<'t>(
    tenant: &'t Tenant,
    answerhub: &AnswerHub,
    named: Option<&'t Service>,
) -> Result<&'t Service, HttpError> {
    let service = named
        .or_else(|| tenant.services.get(&answerhub.cookie_service))
        .ok_or_else(|| HttpError::new(ErrorCode::Internal, "default service is gone"))?;
    if service.validator.accepts(CredentialKind::Cookie) {
        Ok(service)
    } else {
        Err(HttpError::bad_request("this authentication service takes no cookie"))
    }
}

fn password_service<'t>(
    tenant: &'t Tenant,
    answerhub: &AnswerHub,
    named: Option<&'t Service>,
) -> Result<&'t Service, HttpError> {
    named
        .or_else(|| answerhub.password_service.as_ref().and_then(|s| tenant.services.get(s)))
        .filter(|service| service.validator.accepts(CredentialKind::Password))
        .ok_or_else(|| HttpError::bad_request("no user name and password are taken here"))
}

/// The envelope that the vendor's list calls share.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListBody<T> {
    name: &'static str,
    sort: &'static str,
    page: u32,
    page_size: u32,
    page_count: u32,
    list_count: u32,
    total_count: u32,
    list: [T; 1],
}

#[derive(Serialize)]
struct UserBody {
    id: String,
    username: String,
    roles: Vec<String>,
}

/// `GET /services/v2/user.json`: the user that the bearer token speaks for.
pub(super) async fn user(incoming: Incoming) -> Answer {
    let Incoming { gateway, peer, info, request } = incoming;
    let headers = request.headers();
    let tenant = site_tenant(&gateway, headers, request.uri(), peer, &info)?;
    let answerhub = answerhub(&tenant)?;
    let cx = exchange_cx(&gateway, headers, peer, &info, false);

    let token = credentials::bearer(headers, false)?
        .ok_or_else(|| HttpError::new(ErrorCode::Unauthorized, "no bearer token"))?;
    let user = current_user::exchange(answerhub, token, &cx)?;
    let body = ListBody {
        name: "",
        sort: "",
        page: 1,
        page_size: 35,
        page_count: 1,
        list_count: 1,
        total_count: 1,
        list: [UserBody {
            id: user.user_id,
            username: user.subject.to_string(),
            roles: user.roles,
        }],
    };
    Ok(json(StatusCode::OK, &body))
}
