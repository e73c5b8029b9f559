//! Builds one tenant: every name it mentions is resolved here, once, and every part it is
//! bound to is asked whether it fits. `service.rs` does so for its services.

use std::sync::Arc;

use indexmap::IndexMap;

use super::service::{self, Parts};
use crate::config::{AgsSettings, AnswerHubSettings, TenantSettings};
use crate::domain::setting::{self, Problems};
use crate::domain::{CredentialKind, ServiceName, TenantId};
use crate::exchange::DevicePolicy;
use crate::exchange::tenant::{Ags, AnswerHub, Service, SessionNumbers, Tenant};
use crate::sso::TicketSource;
use crate::token::{KeyCx, merged_jwks};

/// Room that a device id needs besides its prefix: 19 digits.
const DEVICE_DIGITS: usize = 19;

/// Builds the tenant, noting every problem.
pub(super) async fn build(
    id: &TenantId,
    settings: &TenantSettings,
    parts: &Parts<'_>,
    keys: &KeyCx<'_>,
    problems: &mut Problems,
) -> Option<Tenant> {
    let before = problems.len();
    let path = setting::join("tenants", id.as_str());
    if settings.answerhub.is_none() && settings.ags.is_none() {
        problems.push(&path, "speaks neither answerhub nor ags");
    }
    let services = service::build_all(settings, parts, &path, problems);
    let answerhub = match &settings.answerhub {
        Some(answerhub) => {
            let path = setting::join(&path, "answerhub");
            build_answerhub(id, (settings, answerhub), &services, &path, keys, problems).await
        }
        None => None,
    };
    let ags = match &settings.ags {
        Some(ags) => {
            let path = setting::join(&path, "ags");
            build_ags(id, ags, parts, &path, keys, problems).await
        }
        None => None,
    };
    if problems.len() > before {
        return None;
    }
    let jwks = merged_jwks(answerhub.as_ref().map(|a| &a.tokens), ags.as_ref().map(|a| &a.tokens));
    Some(Tenant { id: id.clone(), services, answerhub, ags, jwks: jwks.to_string().into() })
}

async fn build_answerhub(
    id: &TenantId,
    (tenant, settings): (&TenantSettings, &AnswerHubSettings),
    services: &IndexMap<ServiceName, Service>,
    path: &str,
    keys: &KeyCx<'_>,
    problems: &mut Problems,
) -> Option<AnswerHub> {
    let mut bound = |key: &str, name: &ServiceName, kind: CredentialKind, what: &str| {
        let path = setting::join(path, key);
        match services.get(name) {
            None => {
                let defined = tenant.services.iter().any(|service| service.name == *name);
                let message = format!("this tenant has no service {name:?}");
                problems.push_absent(path, defined, message);
            }
            Some(service) if !service.validator.accepts(kind) => {
                let kind = service.validator.kind();
                problems.push(
                    path,
                    format!("service {name:?} has validator kind {kind}, which takes no {what}"),
                );
            }
            Some(_) => {}
        }
    };
    bound("cookie_service", &settings.cookie_service, CredentialKind::Cookie, "cookie");
    if let Some(name) = &settings.password_service {
        bound("password_service", name, CredentialKind::Password, "password");
    }
    let tokens = settings.tokens.clone();
    let tokens = tokens.site(&setting::join(path, "tokens"), id, keys, problems).await?;
    Some(AnswerHub {
        cookie_service: settings.cookie_service.clone(),
        password_service: settings.password_service.clone(),
        required_role: settings.required_role.clone(),
        tokens,
    })
}

async fn build_ags(
    id: &TenantId,
    settings: &AgsSettings,
    parts: &Parts<'_>,
    path: &str,
    keys: &KeyCx<'_>,
    problems: &mut Problems,
) -> Option<Ags> {
    let operator = settings
        .operator
        .clone()
        .and_then(|operator| operator.build(&setting::join(path, "operator"), problems));
    let prefix = &settings.device_id_prefix;
    let visible = prefix.bytes().all(|b| (b' '..=b'~').contains(&b));
    if !visible || prefix.len() > crate::domain::DeviceId::MAX_LEN - DEVICE_DIGITS {
        let message = "must be at most 109 printable ASCII characters";
        problems.push(setting::join(path, "device_id_prefix"), message);
    }
    for (key, ttl) in
        [("ticket_ttl", &settings.ticket_ttl), ("user_token_ttl", &settings.user_token_ttl)]
    {
        if ttl.0.as_secs() == 0 {
            problems.push(setting::join(path, key), "must be at least a second");
        }
    }
    settings.sessions.check(&setting::join(path, "sessions"), problems);
    let tokens = settings.tokens.clone();
    let tokens = tokens.session(&setting::join(path, "tokens"), id, keys, problems).await?;
    let (grace, refresh) = (settings.refresh_grace.0, tokens.lifetimes().refresh);
    if grace > refresh {
        let message = "must not be longer than tokens.refresh_ttl";
        problems.push(setting::join(path, "refresh_grace"), message);
    }
    Some(Ags {
        store: Arc::clone(parts.store),
        tokens,
        operator,
        location: settings.location.clone(),
        ticket_ttl: settings.ticket_ttl.0,
        refresh_grace: settings.refresh_grace.0,
        user_token_ttl: settings.user_token_ttl.0,
        sessions: settings.sessions.clone(),
        devices: DevicePolicy {
            max: settings.max_devices,
            max_by_class: settings.max_devices_by_class.clone(),
            max_of_other_classes: settings.max_devices_of_other_classes,
        },
        device_id_prefix: prefix.clone(),
        numbers: SessionNumbers::default(),
        tickets: TicketSource::default(),
    })
}
