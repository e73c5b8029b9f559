//! The configuration: embedded defaults, then files, then `CAMBIO__SECTION__KEY` from the
//! environment. Reads each section into its part's settings type and reports everything
//! that is wrong at once. `app` resolves the references between sections.

mod load;
mod tenant;

use std::fmt;
use std::path::PathBuf;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

pub use load::{admin, load, load_partly};
pub use tenant::{AgsSettings, AnswerHubSettings, ServiceSettings, TenantSettings};

use crate::domain::TenantId;
use crate::domain::setting::{Problems, SecretSource};
use crate::serve::{AdminSettings, ServerSettings};
use crate::session::settings::StoreSettings;
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

    /// Whether there is a table of this name, good or not.
    #[must_use]
    pub fn defines(&self, name: &str) -> bool {
        self.0.contains_key(name)
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

impl Settings {
    /// The sections in which these settings differ from those that the process `started` with,
    /// and that are bound at start, so that a reload does not change them.
    #[must_use]
    pub fn needing_restart(&self, started: &Self) -> Vec<&'static str> {
        // What these sections show in `Debug` is all that they hold: there are no secrets here.
        let server = |s: &Self| {
            let ServerSettings { listen, workers, tls, limits, cors, .. } = &s.server;
            format!("{listen:?} {workers:?} {tls:?} {limits:?} {cors:?}")
        };
        let mut changed = Vec::new();
        if server(self) != server(started) {
            changed.push("server");
        }
        if self.admin.listen != started.admin.listen {
            changed.push("admin");
        }
        if self.log != started.log {
            changed.push("log");
        }
        if self.store != started.store {
            changed.push("store");
        }
        changed
    }
}

impl GeoSettings {
    /// The header's name, if it is one.
    pub fn header(&self, problems: &mut Problems) -> Option<http::HeaderName> {
        let name = self.country_header.as_ref()?;
        problems.ok("geo.country_header", name.parse())
    }
}
