//! The configuration: embedded defaults, then files, then `CAMBIO__SECTION__KEY` from the
//! environment. Reads each section into its part's settings type and reports everything
//! that is wrong at once. `app` resolves the references between sections.

mod tenant;

use std::fmt;
use std::path::PathBuf;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use tenant::{AgsSettings, AnswerHubSettings, ServiceSettings, TenantSettings};

use crate::domain::TenantId;
use crate::domain::setting::{self, Problem, Problems, SecretSource};
use crate::serve::{AdminSettings, ServerSettings};
use crate::session::settings::{self as store_settings, StoreSettings};
use crate::telemetry::LogSettings;

/// Every key with its default and what it means.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// The configuration, each section read, references between sections not yet resolved.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether parts for tests and demonstrations are refused.
    pub environment: Environment,
    /// `[server]`.
    pub server: ServerSettings,
    /// `[admin]`.
    pub admin: AdminSettings,
    /// `[log]`.
    pub log: LogSettings,
    /// `[store]`.
    pub store: StoreSettings,
    /// `[keys]`.
    pub keys: KeysSettings,
    /// `[geo]`.
    pub geo: GeoSettings,
    /// `[validators.<name>]`, read by `sso` when they are built.
    pub validators: Tables,
    /// `[accounts.<name>]`, read by `account` when they are built.
    pub accounts: Tables,
    /// `[tenants.<id>]`.
    pub tenants: IndexMap<TenantId, TenantSettings>,
}

/// Tables that their part reads, by name. `Debug` shows the names only: secrets may stand in
/// them as plain text.
#[derive(Clone, Default)]
pub struct Tables(IndexMap<String, Value>);

impl Tables {
    /// Each table and its name, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter()
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

/// What kind of place this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Real users.
    Production,
    /// Tests and demonstrations.
    Development,
}

/// `[keys]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysSettings {
    /// Seals generated keys where they are stored: 32 bytes in base64.
    #[serde(default)]
    pub encryption_key: Option<SecretSource>,
}

/// `[geo]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeoSettings {
    /// The header in which a trusted proxy says the client's country.
    #[serde(default)]
    pub country_header: Option<String>,
    /// A country database in MaxMind's format; read again when it changes.
    #[serde(default)]
    pub database: Option<PathBuf>,
}

/// Where a configuration comes from besides the defaults.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Files, later ones override earlier ones.
    pub files: Vec<PathBuf>,
    /// A text that overrides the files (the demo's own configuration).
    pub overlay: Option<String>,
    /// Whether the environment counts.
    pub environment: bool,
}

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
    let mut builder = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
    for path in &sources.files {
        builder = builder.add_source(File::from(path.as_path()).format(FileFormat::Toml));
    }
    if let Some(overlay) = &sources.overlay {
        builder = builder.add_source(File::from_str(overlay, FileFormat::Toml));
    }
    if sources.environment {
        let prefix = Environment::with_prefix("CAMBIO").prefix_separator("__").separator("__");
        builder = builder.add_source(prefix);
    }
    let built = builder.build().and_then(config::Config::try_deserialize::<Value>);
    problems.ok("configuration", built)
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

impl GeoSettings {
    /// The header's name, if it is one.
    pub fn header(&self, problems: &mut Problems) -> Option<http::HeaderName> {
        let name = self.country_header.as_ref()?;
        problems.ok("geo.country_header", name.parse())
    }
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
