//! Reading the configuration: merges its sources and reads each section into its part's
//! settings type. Called by the command line and by tests; resolves no reference.

use std::path::Path;

use indexmap::IndexMap;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::TenantSettings;
use super::{DEFAULTS, Environment, Settings, Sources, Tables};
use crate::domain::TenantId;
use crate::domain::setting::{self, Problem, Problems};
use crate::serve::{AdminSettings, ServerSettings};
use crate::session::settings as store_settings;
use crate::telemetry::LogSettings;

/// Reads the configuration.
///
/// # Errors
/// Everything that is wrong with it, unless a source is not TOML at all.
pub fn load(sources: &Sources) -> Result<Settings, Vec<Problem>> {
    match load_partly(sources) {
        (Some(settings), problems) if problems.is_empty() => Ok(settings),
        (_, problems) => Err(problems),
    }
}

/// Everything that is wrong with the configuration, and what can be read of it: a section that
/// cannot be read has its defaults. To find what else is wrong, never to serve.
#[must_use]
pub fn load_partly(sources: &Sources) -> (Option<Settings>, Vec<Problem>) {
    let mut problems = Problems::default();
    let settings = merged(sources, &mut problems).and_then(|v| read(v, &mut problems));
    (settings, problems.into_vec())
}

fn merged(sources: &Sources, problems: &mut Problems) -> Option<Value> {
    use config::{Config, Environment, File, FileFormat};
    let before = problems.len();
    let files = sources.files.iter().filter_map(|path| problems.ok("configuration", text_of(path)));
    let mut texts = vec![DEFAULTS.to_owned()];
    texts.extend(files);
    texts.extend(sources.overlay.clone());
    if problems.len() > before {
        return None;
    }
    let mut builder = Config::builder();
    for text in &texts {
        builder = builder.add_source(File::from_str(text, FileFormat::Toml));
    }
    if sources.environment {
        let prefix = Environment::with_prefix("CAMBIO").prefix_separator("__").separator("__");
        builder = builder.add_source(prefix);
    }
    let built = builder.build().and_then(config::Config::try_deserialize::<Value>);
    problems.ok("configuration", built)
}

/// A file's text. What is there need not be a regular file: `--config /dev/null` has no keys.
fn text_of(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    match toml::from_str::<toml::Table>(&text) {
        Ok(_) => Ok(text),
        Err(error) => {
            Err(format!("{} is no TOML: {}", path.display(), error.to_string().trim_end()))
        }
    }
}

fn read(value: Value, problems: &mut Problems) -> Option<Settings> {
    let Value::Object(mut sections) = value else {
        problems.push("configuration", "must be a table");
        return None;
    };
    let defaults = toml::from_str::<Value>(DEFAULTS).unwrap_or_default();
    let mut section = |name: &str| sections.shift_remove(name).unwrap_or(Value::Null);
    let environment = setting::parse(section("environment"), "environment", problems);
    let server = read_section(section("server"), "server", &defaults, problems);
    let admin = read_section(section("admin"), "admin", &defaults, problems);
    let log = read_section(section("log"), "log", &defaults, problems);
    let keys = read_section(section("keys"), "keys", &defaults, problems);
    let geo = read_section(section("geo"), "geo", &defaults, problems);
    let store = store_settings::parse(section("store"), "store", problems).or_else(|| {
        store_settings::parse(defaults["store"].clone(), "store", &mut Problems::default())
    });
    let validators = tables(section("validators"), "validators", problems);
    let accounts = tables(section("accounts"), "accounts", problems);
    let tenants = tables(section("tenants"), "tenants", problems);
    for unknown in sections.keys() {
        problems.push(unknown, "is no section of the configuration");
    }

    let tenants = read_tenants(tenants, problems);
    let (server, log): (Option<ServerSettings>, Option<LogSettings>) = (server, log);
    if let Some(server) = &server {
        server.check(problems);
    }
    if let Some(log) = &log {
        log.check(problems);
    }
    Some(Settings {
        environment: environment.unwrap_or(Environment::Production),
        server: server?,
        admin: admin?,
        log: log?,
        store: store?,
        keys: keys?,
        geo: geo?,
        validators: Tables(validators),
        accounts: Tables(accounts),
        tenants,
    })
}

/// The section, or the defaults' when it cannot be read.
fn read_section<T: DeserializeOwned>(
    value: Value,
    name: &str,
    defaults: &Value,
    problems: &mut Problems,
) -> Option<T> {
    setting::parse(value, name, problems)
        .or_else(|| setting::parse(defaults[name].clone(), name, &mut Problems::default()))
}

fn tables(value: Value, path: &str, problems: &mut Problems) -> IndexMap<String, Value> {
    setting::parse::<Option<IndexMap<String, Value>>>(value, path, problems)
        .flatten()
        .unwrap_or_default()
}

fn read_tenants(
    tables: IndexMap<String, Value>,
    problems: &mut Problems,
) -> IndexMap<TenantId, TenantSettings> {
    let mut tenants = IndexMap::new();
    for (id, table) in tables {
        let path = setting::join("tenants", &id);
        let id = problems.ok(&path, TenantId::parse(&id));
        let tenant = setting::parse_partly(table, &path, problems);
        if let (Some(id), Some(tenant)) = (id, tenant) {
            tenants.insert(id, tenant);
        }
    }
    tenants
}

/// Reads `[admin]` only, for `cambio healthcheck`.
///
/// # Errors
/// What is wrong with that section.
pub fn admin(sources: &Sources) -> Result<AdminSettings, Vec<Problem>> {
    let mut problems = Problems::default();
    let admin = merged(sources, &mut problems)
        .map(|mut value| value["admin"].take())
        .and_then(|value| setting::parse(value, "admin", &mut problems));
    admin.ok_or_else(|| problems.into_vec())
}
