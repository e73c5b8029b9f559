//! Builds the gateway that a configuration describes: its validators and account directories, then
//! its tenants, which name them. Opens nothing but the files and keys that it mentions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::World;
use super::service::Parts;
use super::tenant;
use crate::account::{self, AccountDirectory};
use crate::config::{Environment, Settings};
use crate::domain::TenantId;
use crate::domain::setting::{self, Problem, Problems};
use crate::exchange::tenant::Tenant;
use crate::http::{CountryDatabase, Gateway, NetworkRules};
use crate::session::Store;
use crate::sso::{self, SsoValidator};
use crate::support::Watched;
use crate::token::{KeyCx, Sealing};

/// How much earlier a story gives up than the deadline layer cuts it off, so that it can say
/// what it was waiting for.
const STORY_MARGIN: Duration = Duration::from_millis(200);

/// Builds the gateway on an open store.
///
/// # Errors
/// Everything that does not fit together.
pub(super) async fn build(
    settings: &Settings,
    store: &Arc<dyn Store>,
    world: &World,
) -> Result<Gateway, Vec<Problem>> {
    let mut problems = Problems::default();
    let validators = validators(settings, store, world, &mut problems);
    let accounts = accounts(settings, world, &mut problems);
    let key = settings.keys.encryption_key.as_ref().map(setting::SecretSource::load).transpose();
    let sealing = problems
        .ok("keys.encryption_key", key)
        .and_then(|key| problems.ok("keys.encryption_key", Sealing::from_text(key.as_ref())));
    let network = network(settings, world, &mut problems);

    let mut tenants = HashMap::new();
    let parts = Parts { settings, validators: &validators, accounts: &accounts, store };
    if let Some(sealing) = &sealing {
        let keys = KeyCx {
            store: Arc::clone(store) as _,
            sealing,
            random: Arc::clone(&world.random),
            now: world.clock.now(),
        };
        for (id, tenant) in &settings.tenants {
            let built = tenant::build(id, tenant, &parts, &keys, &mut problems).await;
            if let Some(built) = built {
                tenants.insert(id.clone(), Arc::new(built));
            }
        }
    }
    if settings.tenants.is_empty() {
        problems.push("tenants", "there are none: nobody could be served");
    }
    let hosts = hosts(settings, &tenants, &mut problems);
    let default_tenant = settings.server.default_tenant.as_ref().and_then(|name| {
        let known = TenantId::parse(name).ok().filter(|id| settings.tenants.contains_key(id));
        if known.is_none() {
            problems.push("server.default_tenant", format!("there is no tenant {name:?}"));
        }
        tenants.get(&known?).cloned()
    });
    if !problems.is_empty() {
        return Err(problems.into_vec());
    }
    let limits = &settings.server.limits;
    Ok(Gateway {
        clock: Arc::clone(&world.clock),
        random: Arc::clone(&world.random),
        tenants,
        hosts,
        default_tenant,
        network,
        max_body: limits.max_body,
        deadline: limits.request_timeout.0.saturating_sub(STORY_MARGIN).max(STORY_MARGIN),
    })
}

fn validators(
    settings: &Settings,
    store: &Arc<dyn Store>,
    world: &World,
    problems: &mut Problems,
) -> HashMap<String, Arc<dyn SsoValidator>> {
    let cx = sso::settings::BuildCx {
        tickets: Arc::clone(store) as _,
        watcher: &world.watcher,
        production: settings.environment == Environment::Production,
    };
    sso::settings::build_all(settings.validators.iter(), "validators", &cx, problems)
}

fn accounts(
    settings: &Settings,
    world: &World,
    problems: &mut Problems,
) -> HashMap<String, Arc<dyn AccountDirectory>> {
    let cx = account::settings::BuildCx { watcher: &world.watcher, clock: &world.clock };
    let mut built = HashMap::new();
    for (name, table) in settings.accounts.iter() {
        let path = setting::join("accounts", name);
        let directory = account::settings::build(table.clone(), &path, &cx, problems);
        if let Some(directory) = directory {
            built.insert(name.clone(), directory);
        }
    }
    built
}

fn network(settings: &Settings, world: &World, problems: &mut Problems) -> NetworkRules {
    let countries = settings.geo.database.as_ref().and_then(|path| {
        let open = Watched::open(path, &world.watcher, |bytes| {
            CountryDatabase::from_source(bytes.to_vec()).map_err(|e| e.to_string())
        });
        problems.ok("geo.database", open)
    });
    NetworkRules {
        trusted_proxies: settings.server.trusted_proxies.clone(),
        country_header: settings.geo.header(problems),
        countries,
    }
}

fn hosts(
    settings: &Settings,
    tenants: &HashMap<TenantId, Arc<Tenant>>,
    problems: &mut Problems,
) -> HashMap<String, Arc<Tenant>> {
    let mut hosts = HashMap::new();
    let mut owners: HashMap<String, &TenantId> = HashMap::new();
    for (id, tenant) in &settings.tenants {
        for host in &tenant.hosts {
            let host = host.to_ascii_lowercase();
            if let Some(other) = owners.insert(host.clone(), id) {
                let path = format!("tenants.{id}.hosts");
                problems.push(path, format!("{host:?} is listed by tenant {other} too"));
            }
            if let Some(tenant) = tenants.get(id) {
                hosts.insert(host, Arc::clone(tenant));
            }
        }
    }
    hosts
}
