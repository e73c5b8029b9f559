//! The `jwt` table: reads it, refuses what cannot be safe (an algorithm that does not fit
//! the keys, no key or two sources of keys), and builds the validator.

use std::path::PathBuf;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, AlgorithmFamily};
use serde::Deserialize;

use super::super::SsoValidator;
use super::super::endpoint::parse_url;
use super::super::fetch::FetchSettings;
use super::super::mapping::Fields;
use super::super::settings::BuildCx;
use super::claims::{ClaimRules, Expected, check_leeway, default_leeway};
use super::keys::KeySet;
use super::public_key::PublicKey;
use super::remote::{RefetchTimes, RemoteKeys};
use super::source::Source;
use super::{Jwt, Keys, jwks};
use crate::domain::setting::{HumanDuration, Problems, SecretSource, join};
use crate::support::Watched;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Settings {
    /// What signatures are believed; must fit the keys.
    algorithms: Vec<Algorithm>,
    /// Claim `iss`; `false` leaves it unchecked.
    issuer: Expected,
    /// Claim `aud`; `false` leaves it unchecked.
    audience: Expected,
    /// Header `typ`, unchecked when absent.
    header_typ: Option<String>,
    /// Claim `typ`, unchecked when absent.
    claim_typ: Option<String>,
    #[serde(default = "default_leeway")]
    leeway: HumanDuration,
    /// Which claims say what.
    #[serde(default)]
    claims: Fields,

    // Exactly one of these is where the keys come from.
    secret: Option<SecretSource>,
    secrets: Option<Vec<SharedSecret>>,
    pem: Option<Vec<PemFile>>,
    jwks_file: Option<PathBuf>,
    jwks_url: Option<String>,

    /// How `jwks_url` is asked.
    #[serde(default)]
    jwks_fetch: FetchSettings,
    #[serde(default = "default_max_age")]
    jwks_max_age: HumanDuration,
    #[serde(default = "default_min_refetch")]
    jwks_min_refetch: HumanDuration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SharedSecret {
    kid: Option<String>,
    secret: SecretSource,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PemFile {
    kid: Option<String>,
    file: PathBuf,
}

fn default_max_age() -> HumanDuration {
    HumanDuration::secs(3600)
}

fn default_min_refetch() -> HumanDuration {
    HumanDuration::secs(30)
}

impl Settings {
    pub(in super::super) fn build(
        self,
        path: &str,
        cx: &BuildCx<'_>,
        problems: &mut Problems,
    ) -> Option<Arc<dyn SsoValidator>> {
        let before = problems.len();
        check_leeway(self.leeway, path, problems);
        let keys = self.keys(path, cx, problems);
        let rules = ClaimRules {
            issuer: self.issuer,
            audience: self.audience,
            authorized_party: Expected::Unchecked,
            client_id: Expected::Unchecked,
            header_typ: self
                .header_typ
                .map_or(Expected::Unchecked, |typ| Expected::OneOf(vec![typ])),
            claim_typ: self.claim_typ,
            leeway: self.leeway.0,
        };
        let validator = Jwt { kind: "jwt", keys: keys?, rules, mapping: self.claims.claims() };
        (problems.len() == before).then(|| Arc::new(validator) as _)
    }

    /// A public key must never be usable as an HMAC secret (RFC 8725 section 2.1).
    fn check_algorithms(&self, path: &str, problems: &mut Problems) {
        if self.algorithms.is_empty() {
            problems.push(path, "must name at least one algorithm");
        }
        let shared = self.secret.is_some() || self.secrets.is_some();
        for algorithm in &self.algorithms {
            if shared != (algorithm.family() == AlgorithmFamily::Hmac) {
                let keys = if shared { "a shared secret" } else { "public keys" };
                problems.push(path, format!("{algorithm:?} does not go with {keys}"));
            }
        }
    }

    fn keys(&self, path: &str, cx: &BuildCx<'_>, problems: &mut Problems) -> Option<Keys> {
        let sources = [
            self.secret.is_some(),
            self.secrets.is_some(),
            self.pem.is_some(),
            self.jwks_file.is_some(),
            self.jwks_url.is_some(),
        ];
        if sources.iter().filter(|&&given| given).count() != 1 {
            let rule = "must have exactly one of secret, secrets, pem, jwks_file and jwks_url";
            problems.push(path, rule);
            return None;
        }
        self.check_algorithms(&join(path, "algorithms"), problems);
        if self.secret.is_some() || self.secrets.is_some() {
            return Some(Keys::Fixed(self.shared(path, problems)));
        }
        if let Some(pem) = &self.pem {
            return self.pem_files(pem, &join(path, "pem"), cx, problems);
        }
        if let Some(file) = &self.jwks_file {
            let algorithms = self.algorithms.clone();
            let parse = move |json: &[u8]| jwks::parse(json, &algorithms);
            let file = Watched::open(file, cx.watcher, parse);
            return problems.ok(&join(path, "jwks_file"), file).map(|f| Keys::Files(vec![f]));
        }
        self.remote(path, cx, problems)
    }

    fn shared(&self, path: &str, problems: &mut Problems) -> KeySet {
        let mut keys = KeySet::default();
        let mut add = |at: String, kid: Option<String>, source: &SecretSource| {
            let added = source.load().and_then(|s| keys.add_shared(kid, &s, &self.algorithms));
            problems.ok(&at, added);
        };
        if let Some(source) = &self.secret {
            add(join(path, "secret"), None, source);
        }
        let path = join(path, "secrets");
        for (i, shared) in self.secrets.iter().flatten().enumerate() {
            add(join(&path, &i.to_string()), shared.kid.clone(), &shared.secret);
        }
        if self.secrets.as_ref().is_some_and(Vec::is_empty) {
            problems.push(path, "must name at least one secret");
        }
        keys
    }

    fn pem_files(
        &self,
        files: &[PemFile],
        path: &str,
        cx: &BuildCx<'_>,
        problems: &mut Problems,
    ) -> Option<Keys> {
        if files.is_empty() {
            problems.push(path, "must name at least one file");
        }
        let mut watched = Vec::with_capacity(files.len());
        for (i, PemFile { kid, file }) in files.iter().enumerate() {
            let (kid, algorithms) = (kid.clone(), self.algorithms.clone());
            let parse = move |pem: &[u8]| {
                KeySet::of_public(kid.as_deref(), &PublicKey::from_pem(pem)?, &algorithms)
            };
            let at = join(path, &i.to_string());
            watched.extend(problems.ok(&at, Watched::open(file, cx.watcher, parse)));
        }
        Some(Keys::Files(watched))
    }

    fn remote(&self, path: &str, cx: &BuildCx<'_>, problems: &mut Problems) -> Option<Keys> {
        let url = parse_url(self.jwks_url.as_deref()?, self.jwks_fetch.allow_plain_http);
        let upstream = self.jwks_fetch.build(false, &join(path, "jwks_fetch"), cx, problems);
        let times = RefetchTimes {
            max_age: self.jwks_max_age.0,
            min_refetch: self.jwks_min_refetch.0,
            retry: self.jwks_min_refetch.0,
        };
        let source = Source::Fixed(problems.ok(&join(path, "jwks_url"), url)?);
        Some(Keys::Remote(RemoteKeys::new(source, upstream?, &self.algorithms, times)))
    }
}
