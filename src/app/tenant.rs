//! Builds one tenant: every name it mentions is resolved here, once, and every part it is
//! bound to is asked whether it fits.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::account::AccountDirectory;
use crate::config::{AgsSettings, AnswerHubSettings, ServiceSettings, Settings, TenantSettings};
use crate::domain::setting::{self, Problems};
use crate::domain::{CredentialKind, ServiceName, TenantId};
use crate::exchange::DevicePolicy;
use crate::exchange::tenant::{Ags, AnswerHub, Endpoint, Service, SessionNumbers, Tenant};
use crate::session::Store;
use crate::sso::{SsoValidator, TicketSource};
use crate::token::{KeyCx, merged_jwks};

/// Room that a device id needs besides its prefix: 19 digits.
const DEVICE_DIGITS: usize = 19;

/// The parts that a tenant may name.
pub(super) struct Parts<'a> {
    /// What they were built from.
    pub(super) settings: &'a Settings,
    pub(super) validators: &'a HashMap<String, Arc<dyn SsoValidator>>,
    pub(super) accounts: &'a HashMap<String, Arc<dyn AccountDirectory>>,
    pub(super) store: &'a Arc<dyn Store>,
}

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
    let services = services(settings, parts, &path, problems);
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

fn services(
    settings: &TenantSettings,
    parts: &Parts<'_>,
    path: &str,
    problems: &mut Problems,
) -> IndexMap<ServiceName, Service> {
    let mut services = IndexMap::new();
    for (i, service) in settings.services.iter().enumerate() {
        let path = format!("{path}.services.{i}");
        if services.contains_key(&service.name) {
            problems.push(format!("{path}.name"), "is used by another service of this tenant");
        }
        if let Some(built) = build_service(settings, service, parts, &path, problems) {
            services.insert(service.name.clone(), built);
        }
    }
    services
}

fn build_service(
    tenant: &TenantSettings,
    settings: &ServiceSettings,
    parts: &Parts<'_>,
    path: &str,
    problems: &mut Problems,
) -> Option<Service> {
    let validator = parts.validators.get(&settings.validator).cloned();
    if validator.is_none() {
        let name = &settings.validator;
        let defined = parts.settings.validators.defines(name);
        let message = format!("there is no [validators.{name}]");
        problems.push_absent(format!("{path}.validator"), defined, message);
    }
    let accounts = match &settings.accounts {
        None => Some(crate::account::settings::default_directory()),
        Some(name) => {
            let found = parts.accounts.get(name).cloned();
            if found.is_none() {
                let defined = parts.settings.accounts.defines(name);
                let message = format!("there is no [accounts.{name}]");
                problems.push_absent(format!("{path}.accounts"), defined, message);
            }
            found
        }
    };
    if settings.cookie.parse::<http::HeaderName>().is_err() {
        problems.push(format!("{path}.cookie"), "is no cookie name");
    }
    let validator = validator?;
    let endpoints = match &settings.endpoints {
        Some(endpoints) => endpoints.clone(),
        None => default_endpoints(tenant, settings, &*validator),
    };
    let offers = |call| endpoints.iter().find(|endpoint: &&Endpoint| endpoint.path == call);
    if offers("/signOnWithSessionToken").is_some() && !validator.accepts(CredentialKind::Token) {
        let message = format!("validator kind {} takes no session token", validator.kind());
        problems.push(format!("{path}.endpoints"), message);
    }
    let sign_on = offers("/signOn").and_then(|call| call.sign_on_form(|k| validator.accepts(k)));
    if offers("/signOn").is_some() && sign_on.is_none() {
        let kind = validator.kind();
        let message = format!("/signOn lists no parameters that validator kind {kind} takes");
        problems.push(format!("{path}.endpoints"), message);
    }
    Some(Service {
        name: settings.name.clone(),
        validator,
        accounts: accounts?,
        cookie: settings.cookie.clone(),
        display: settings.display.clone(),
        endpoints,
        sign_on,
    })
}

/// The session-token flow, for a service that AGS clients can use; head-ends only make
/// tokens for a service that validates them. User name and password where only that is taken.
fn default_endpoints(
    tenant: &TenantSettings,
    settings: &ServiceSettings,
    validator: &dyn SsoValidator,
) -> Vec<Endpoint> {
    let site = tenant.answerhub.as_ref().is_some_and(|a| {
        a.cookie_service == settings.name || a.password_service.as_ref() == Some(&settings.name)
    });
    if tenant.ags.is_none() || site {
        return Vec::new();
    }
    if !validator.accepts(CredentialKind::Token) {
        let takes_passwords = validator.accepts(CredentialKind::Password);
        return if takes_passwords { Endpoint::password_flow() } else { Vec::new() };
    }
    let mut flow = Endpoint::session_token_flow();
    if !validator.takes_tickets() {
        flow.retain(|endpoint| endpoint.path != "/getSessionToken");
    }
    flow
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
    let tokens = settings.tokens.clone();
    let tokens = tokens.session(&setting::join(path, "tokens"), id, keys, problems).await?;
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
