//! How another system is asked, as the configuration says it: the one set of keys of every
//! kind that asks (`http`, `introspection`, `oidc`, and `jwt` for its key set).

use std::collections::BTreeMap;
use std::path::PathBuf;

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::settings::BuildCx;
use super::Upstream;
use super::auth::{Auth, AuthSettings};
use super::client::{ClientCertificate, Recipe};
use super::header::{header_name, sensitive};
use super::live::Live;
use crate::domain::setting::{self, HumanDuration, Problems, SecretSource, join};
use crate::support::Watcher;

/// The keys, as they stand in a validator's table.
const KEYS: [&str; 9] = [
    "connect_timeout",
    "read_timeout",
    "timeout",
    "max_bytes",
    "ca_file",
    "client_certificate",
    "auth",
    "headers",
    "allow_plain_http",
];

/// How another system is asked; part of several tables.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in super::super) struct FetchSettings {
    /// To have a connection.
    connect_timeout: HumanDuration,
    /// Between two reads.
    read_timeout: HumanDuration,
    /// In all; a request's own deadline may be sooner.
    timeout: HumanDuration,
    /// The largest accepted answer.
    max_bytes: usize,
    /// The only certificate authorities that are trusted, PEM; the system's when absent.
    ca_file: Option<PathBuf>,
    /// What Cambio shows in the TLS handshake.
    client_certificate: Option<ClientCertificate>,
    /// Who Cambio is to the other system.
    auth: Option<AuthSettings>,
    /// Further headers of every request.
    headers: BTreeMap<String, SecretSource>,
    /// Permits `http:` to another host than this one.
    pub(in super::super) allow_plain_http: bool,
}

impl Default for FetchSettings {
    fn default() -> Self {
        Self {
            connect_timeout: HumanDuration::secs(1),
            read_timeout: HumanDuration::secs(2),
            timeout: HumanDuration::secs(3),
            max_bytes: 64 * 1024,
            ca_file: None,
            client_certificate: None,
            auth: None,
            headers: BTreeMap::new(),
            allow_plain_http: false,
        }
    }
}

impl FetchSettings {
    /// Takes the keys out of the table at `path`, before its kind reads the rest.
    pub(in super::super) fn take(
        value: &mut Value,
        path: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        let mut taken = Map::new();
        if let Some(table) = value.as_object_mut() {
            let found = |key: &str| Some((key.to_owned(), table.shift_remove(key)?));
            taken.extend(KEYS.into_iter().filter_map(found));
        }
        setting::parse(Value::Object(taken), path, problems)
    }

    /// Whether requests carry this header, by `headers` or by `auth`.
    pub(in super::super) fn sets(&self, name: &HeaderName) -> Option<&'static str> {
        if self.headers.keys().any(|key| key.eq_ignore_ascii_case(name.as_str())) {
            return Some("headers");
        }
        let auth = self.auth.as_ref().is_some_and(AuthSettings::is_header);
        (auth && *name == AUTHORIZATION).then_some("auth")
    }

    /// The other system. `has_form`: its requests are forms.
    pub(in super::super) fn build(
        &self,
        has_form: bool,
        path: &str,
        cx: &BuildCx<'_>,
        problems: &mut Problems,
    ) -> Option<Upstream> {
        self.build_watched(has_form, path, cx.watcher, problems)
    }

    /// The same for whoever is no validator.
    pub(in super::super) fn build_watched(
        &self,
        has_form: bool,
        path: &str,
        watcher: &Watcher,
        problems: &mut Problems,
    ) -> Option<Upstream> {
        let before = problems.len();
        for (key, value) in [
            ("connect_timeout", self.connect_timeout),
            ("read_timeout", self.read_timeout),
            ("timeout", self.timeout),
        ] {
            if value.0.is_zero() {
                problems.push(join(path, key), "must be longer than zero");
            }
        }
        if !(1..=16 * 1024 * 1024).contains(&self.max_bytes) {
            problems.push(join(path, "max_bytes"), "must be from 1 to 16777216");
        }
        let recipe = Recipe {
            connect_timeout: self.connect_timeout.0,
            read_timeout: self.read_timeout.0,
            ca_file: self.ca_file.clone(),
            certificate: self.client_certificate.clone(),
        };
        let clients = recipe.build(path, watcher, problems);
        let headers = self.headers(&join(path, "headers"), watcher, problems);
        let auth = match &self.auth {
            None => Some(Auth::None),
            Some(auth) => {
                let has_certificate = self.client_certificate.is_some();
                auth.build(has_form, has_certificate, &join(path, "auth"), watcher, problems)
            }
        };
        let upstream = Upstream {
            clients: clients?,
            headers,
            auth: auth?,
            timeout: self.timeout.0,
            max_bytes: self.max_bytes,
        };
        (problems.len() == before).then_some(upstream)
    }

    fn headers(
        &self,
        path: &str,
        watcher: &Watcher,
        problems: &mut Problems,
    ) -> Vec<(HeaderName, Live<HeaderValue>)> {
        let auth = self.auth.as_ref().is_some_and(AuthSettings::is_header);
        let mut headers = Vec::new();
        for (name, source) in &self.headers {
            let at = join(path, name);
            let parsed = header_name(name).and_then(|parsed| match parsed {
                AUTHORIZATION if auth => Err("is what auth sets".to_owned()),
                other => Ok(other),
            });
            let value = Live::open(source, watcher, |secret| {
                sensitive(secret.expose()).ok_or_else(|| "must be printable ASCII".to_owned())
            });
            headers.extend(problems.ok(&at, parsed).zip(problems.ok(&at, value)));
        }
        headers
    }
}
