//! The `oidc` table: an issuer by its name, whose keys are discovered, and what its tokens
//! must be. Builds the same validator as `jwt`, with all of it pinned.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, AlgorithmFamily};
use serde::Deserialize;

use super::super::SsoValidator;
use super::super::endpoint::parse_url;
use super::super::fetch::FetchSettings;
use super::super::mapping::Fields;
use super::super::settings::BuildCx;
use super::claims::{ClaimRules, Expected, check_leeway, default_leeway};
use super::discovery::Discovery;
use super::remote::{RefetchTimes, RemoteKeys};
use super::source::Source;
use super::{Jwt, Keys};
use crate::domain::setting::{HumanDuration, Problems, join};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Settings {
    /// The issuer's name, exactly as its discovery document and tokens have it.
    issuer: String,
    /// Claim `aud`; `false` leaves it unchecked.
    audience: Expected,
    /// What signatures are believed.
    algorithms: Vec<Algorithm>,
    /// Header `typ`; `false` leaves it unchecked.
    #[serde(default = "access_token")]
    header_typ: Expected,
    /// Claim `azp`, unchecked when absent.
    #[serde(default)]
    authorized_party: Expected,
    /// Claim `client_id`, unchecked when absent.
    #[serde(default)]
    client_id: Expected,
    #[serde(default = "default_leeway")]
    leeway: HumanDuration,
    /// Which claims say what.
    #[serde(default)]
    claims: Fields,
    /// Where the discovery document is, if not below the issuer.
    discovery_url: Option<String>,
    /// How long the document is good.
    #[serde(default = "one_day")]
    discovery_max_age: HumanDuration,
    /// How long fetched keys are used before newer ones are asked for.
    #[serde(default = "one_hour")]
    keys_max_age: HumanDuration,
    /// The least time between two fetches that unknown keys cause.
    #[serde(default = "half_a_minute")]
    refetch_interval: HumanDuration,
    /// The least time between two fetches while they fail.
    #[serde(default = "five_seconds")]
    retry_interval: HumanDuration,
}

/// RFC 9068 section 2.1.
fn access_token() -> Expected {
    Expected::OneOf(vec!["at+jwt".to_owned()])
}

fn one_day() -> HumanDuration {
    HumanDuration::secs(24 * 3600)
}

fn one_hour() -> HumanDuration {
    HumanDuration::secs(3600)
}

fn half_a_minute() -> HumanDuration {
    HumanDuration::secs(30)
}

fn five_seconds() -> HumanDuration {
    HumanDuration::secs(5)
}

impl Settings {
    pub(in super::super) fn build(
        self,
        fetch: &FetchSettings,
        path: &str,
        cx: &BuildCx<'_>,
        problems: &mut Problems,
    ) -> Option<Arc<dyn SsoValidator>> {
        let before = problems.len();
        check_leeway(self.leeway, path, problems);
        let at = join(path, "algorithms");
        if self.algorithms.is_empty() {
            problems.push(&at, "must name at least one algorithm");
        }
        // A key that anybody can fetch must never be usable as an HMAC secret.
        for shared in self.algorithms.iter().filter(|a| a.family() == AlgorithmFamily::Hmac) {
            problems.push(&at, format!("{shared:?} does not go with public keys"));
        }
        for (key, span) in [
            ("discovery_max_age", self.discovery_max_age),
            ("keys_max_age", self.keys_max_age),
            ("refetch_interval", self.refetch_interval),
            ("retry_interval", self.retry_interval),
        ] {
            if span < HumanDuration::secs(1) {
                problems.push(join(path, key), "must be at least a second");
            }
        }
        let discovery = self.discovery(fetch.allow_plain_http, path, problems);
        let upstream = fetch.build(false, path, cx, problems);
        let times = RefetchTimes {
            max_age: self.keys_max_age.0,
            min_refetch: self.refetch_interval.0,
            retry: self.retry_interval.0,
        };
        let source = Source::Discovered(discovery?);
        let keys = RemoteKeys::new(source, upstream?, &self.algorithms, times);
        let rules = ClaimRules {
            issuer: Expected::OneOf(vec![self.issuer]),
            audience: self.audience,
            authorized_party: self.authorized_party,
            client_id: self.client_id,
            header_typ: self.header_typ,
            claim_typ: None,
            leeway: self.leeway.0,
        };
        let validator =
            Jwt { kind: "oidc", keys: Keys::Remote(keys), rules, mapping: self.claims.claims() };
        (problems.len() == before).then(|| Arc::new(validator) as _)
    }

    fn discovery(
        &self,
        allow_plain_http: bool,
        path: &str,
        problems: &mut Problems,
    ) -> Option<Discovery> {
        let issuer = parse_url(&self.issuer, allow_plain_http).and_then(|url| {
            let bare = url.query().is_none() && url.fragment().is_none();
            if bare { Ok(()) } else { Err("must have no query and no fragment".to_owned()) }
        });
        let issuer = problems.ok(&join(path, "issuer"), issuer);
        let url = match &self.discovery_url {
            Some(url) => {
                let url = parse_url(url, allow_plain_http);
                problems.ok(&join(path, "discovery_url"), url)
            }
            // Discovery 1.0 section 4.1; the issuer has been checked.
            None => {
                let below = self.issuer.trim_end_matches('/');
                let url = format!("{below}/.well-known/openid-configuration");
                parse_url(&url, allow_plain_http).ok()
            }
        };
        issuer?;
        let max_age = self.discovery_max_age.0;
        Some(Discovery::new(url?, self.issuer.clone(), max_age, allow_plain_http))
    }
}
