//! What an endpoint's token settings come to, and everything that can be wrong with them. It reads
//! the keys that the operator brings but touches no store; `build.rs` goes on from here when the
//! server starts.

use std::sync::Arc;
use std::time::Duration;

use super::prepared::PreparedKey;
use super::{Algorithm, Lifetimes, Profile, TokenSettings, imported};
use crate::domain::claims;
use crate::domain::setting::{HumanDuration, Problems, join};

const DAY: u64 = 24 * 3600;
/// The least, the usual and the most that claims may take, in bytes. The usual makes a token of
/// about 5.6 KiB: proxies and servers take 8 KiB for a header, or for all of them. The most still
/// fits the longest token that is verified, with any signature.
const MIN_CLAIMS: usize = 512;
const DEFAULT_CLAIMS: usize = 4096;
const MAX_CLAIMS: usize = 5400;

/// What both endpoints' settings come to.
pub(super) struct Plan {
    pub(super) profile: Profile,
    pub(super) alg: Algorithm,
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) max_claims: usize,
    /// The operator's keys, the one that signs first; `None`: Cambio's own.
    pub(super) imported: Option<Vec<Arc<PreparedKey>>>,
}

impl TokenSettings {
    pub(super) fn plan_site(
        &self,
        path: &str,
        problems: &mut Problems,
    ) -> Option<(Plan, Duration)> {
        let before = problems.len();
        for (key, set) in [
            ("access_ttl", self.access_ttl.is_some()),
            ("refresh_ttl", self.refresh_ttl.is_some()),
            ("fixed_ttl", self.fixed_ttl.is_some()),
            ("max_sessions", self.max_sessions.is_some()),
            ("session_control_enabled", self.session_control_enabled.is_some()),
        ] {
            unused(set, path, key, "on the answerhub endpoint", problems);
        }
        self.check_attributes(&join(path, "attributes"), problems);
        let plan = self.plan(Profile::Answerhub, path, problems);
        let ttl = lifetime(self.ttl, 6 * 3600, &join(path, "ttl"), problems);
        (problems.len() == before).then_some(plan.zip(Some(ttl))).flatten()
    }

    pub(super) fn plan_session(
        &self,
        path: &str,
        problems: &mut Problems,
    ) -> Option<(Plan, Lifetimes)> {
        let before = problems.len();
        unused(self.ttl.is_some(), path, "ttl", "on the ags endpoint", problems);
        let has_attributes = !self.attributes.is_empty();
        unused(has_attributes, path, "attributes", "on the ags endpoint", problems);
        let plan = self.plan(Profile::Ags, path, problems);
        let access = lifetime(self.access_ttl, 3600, &join(path, "access_ttl"), problems);
        let refresh = lifetime(self.refresh_ttl, 2 * DAY, &join(path, "refresh_ttl"), problems);
        let fixed = lifetime(self.fixed_ttl, 30 * DAY, &join(path, "fixed_ttl"), problems);
        if access > refresh {
            problems.push(join(path, "access_ttl"), "must not be longer than refresh_ttl");
        }
        if refresh > fixed {
            problems.push(join(path, "refresh_ttl"), "must not be longer than fixed_ttl");
        }
        let lifetimes = Lifetimes { access, refresh, fixed };
        (problems.len() == before).then_some(plan.zip(Some(lifetimes))).flatten()
    }

    /// The settings that both endpoints have; `vendor` is the endpoint's own profile.
    fn plan(&self, vendor: Profile, path: &str, problems: &mut Problems) -> Option<Plan> {
        let profile = self.profile.unwrap_or(vendor);
        if profile != vendor && profile != Profile::Standard {
            let rule = format!("must be {} or standard on this endpoint", vendor.name());
            problems.push(join(path, "profile"), rule);
            return None;
        }
        let alg = self.algorithm.unwrap_or(profile.default_algorithm());
        if !profile.allows(alg) {
            problems.push(join(path, "algorithm"), profile.algorithm_rule());
        }
        let (issuer, audience) = self.parties(profile, path, problems);
        let max_claims = self.max_claims_bytes.unwrap_or(DEFAULT_CLAIMS);
        let known = issuer.len() + audience.len() + self.scope.as_ref().map_or(0, String::len);
        if !(MIN_CLAIMS..=MAX_CLAIMS).contains(&max_claims) {
            let rule = format!("must be from {MIN_CLAIMS} to {MAX_CLAIMS}");
            problems.push(join(path, "max_claims_bytes"), rule);
        } else if known + MIN_CLAIMS > max_claims {
            let rule = "leaves no room besides the issuer, audience and scope";
            problems.push(join(path, "max_claims_bytes"), rule);
        }
        let imported = self.keys.as_deref().map(|keys| {
            imported::load(keys, profile, alg, &join(path, "keys"), problems).unwrap_or_default()
        });
        Some(Plan { profile, alg, issuer, audience, max_claims, imported })
    }

    /// An attribute must not say what only the token itself may.
    fn check_attributes(&self, path: &str, problems: &mut Problems) {
        for (i, name) in self.attributes.iter().enumerate() {
            let at = join(path, &i.to_string());
            if claims::is_reserved(name) {
                problems.push(at, "is the name of a claim that tokens make themselves");
            } else if name.is_empty() || self.attributes[..i].contains(name) {
                problems.push(at, "must not be empty nor there twice");
            }
        }
    }

    /// Issuer and audience (and the scope's form); the `ags` profile has none of them.
    fn parties(&self, profile: Profile, path: &str, problems: &mut Problems) -> (String, String) {
        let (issuer, audience) = (self.issuer.as_deref(), self.audience.as_deref());
        if profile != Profile::Standard {
            let place = format!("in profile {}", profile.name());
            unused(self.scope.is_some(), path, "scope", &place, problems);
            if profile == Profile::Ags {
                unused(issuer.is_some(), path, "issuer", &place, problems);
                unused(audience.is_some(), path, "audience", &place, problems);
                return (String::new(), String::new());
            }
        }
        if issuer.is_none() {
            problems.push(join(path, "issuer"), "is missing");
        }
        for (key, text) in
            [("issuer", issuer), ("audience", audience), ("scope", self.scope.as_deref())]
        {
            if text.is_some_and(|t| t.is_empty() || t.len() > 512 || t.contains(char::is_control)) {
                problems.push(join(path, key), "must be 1 to 512 bytes without control characters");
            }
        }
        let issuer = issuer.unwrap_or_default();
        (issuer.to_owned(), audience.unwrap_or(issuer).to_owned())
    }
}

fn lifetime(
    set: Option<HumanDuration>,
    default: u64,
    path: &str,
    problems: &mut Problems,
) -> Duration {
    let secs = set.map_or(default, |d| d.0.as_secs());
    if !(1..=3650 * DAY).contains(&secs) {
        problems.push(path, "must be between 1 second and 10 years");
    }
    Duration::from_secs(secs)
}

fn unused(set: bool, path: &str, key: &str, place: &str, problems: &mut Problems) {
    if set {
        problems.push(join(path, key), format!("has no effect {place}"));
    }
}
