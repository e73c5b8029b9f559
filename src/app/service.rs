//! Builds a tenant's services: the validator and the account directory that each names, and the
//! calls that it offers, which its validator must be able to answer.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::account::AccountDirectory;
use crate::config::{ServiceSettings, Settings, TenantSettings};
use crate::domain::setting::Problems;
use crate::domain::{CredentialKind, ServiceName};
use crate::exchange::tenant::{Endpoint, Service};
use crate::session::Store;
use crate::sso::SsoValidator;

/// The parts that a tenant may name.
pub(super) struct Parts<'a> {
    /// What they were built from.
    pub(super) settings: &'a Settings,
    pub(super) validators: &'a HashMap<String, Arc<dyn SsoValidator>>,
    pub(super) accounts: &'a HashMap<String, Arc<dyn AccountDirectory>>,
    pub(super) store: &'a Arc<dyn Store>,
}

/// Builds the tenant's services, noting every problem.
pub(super) fn build_all(
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
        if let Some(built) = build(settings, service, parts, &path, problems) {
            services.insert(service.name.clone(), built);
        }
    }
    services
}

fn build(
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
