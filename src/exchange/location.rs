//! Where a sign-on may come from: allow and deny lists of countries, and the operator's
//! own network. Pure; the client's country is found in `http/network.rs`.

use ipnet::IpNet;
use serde::Deserialize;

use super::Forbidden;
use crate::domain::{ClientNetwork, CountryCode};

/// `[tenants.<id>.ags.location]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LocationSettings {
    /// Countries that may sign on; empty: all.
    pub allow: Vec<CountryCode>,
    /// Countries that may not, whatever `allow` says.
    pub deny: Vec<CountryCode>,
    /// What becomes of a client whose country is not known, when there is a list at all.
    pub unknown: UnknownCountry,
    /// Addresses of the operator's own network (claim `onNetwork`).
    pub on_network: Vec<IpNet>,
}

/// What becomes of a client whose country is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownCountry {
    /// It may sign on.
    Allow,
    /// It may not: fail closed.
    #[default]
    Deny,
}

impl LocationSettings {
    /// Whether clients are told apart by country at all.
    #[must_use]
    pub fn restricts(&self) -> bool {
        !self.allow.is_empty() || !self.deny.is_empty()
    }

    /// Refuses a blocked location unless the account is exempt.
    ///
    /// # Errors
    /// [`Forbidden::Location`] (20019).
    pub fn check(&self, client: &ClientNetwork, exempt: bool) -> Result<(), Forbidden> {
        if exempt || !self.restricts() {
            return Ok(());
        }
        let allowed = match client.country {
            None => self.unknown == UnknownCountry::Allow,
            Some(c) => {
                !self.deny.contains(&c) && (self.allow.is_empty() || self.allow.contains(&c))
            }
        };
        if allowed { Ok(()) } else { Err(Forbidden::Location) }
    }

    /// Claim `onNetwork`: whether the client is in the operator's own network.
    #[must_use]
    pub fn on_network(&self, client: &ClientNetwork) -> bool {
        self.on_network.iter().any(|net| net.contains(&client.ip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(country: &str) -> ClientNetwork {
        ClientNetwork { ip: [10, 0, 0, 1].into(), country: CountryCode::parse(country) }
    }

    fn policy(allow: &[&str], deny: &[&str], unknown: UnknownCountry) -> LocationSettings {
        let list = |l: &[&str]| l.iter().filter_map(|c| CountryCode::parse(c)).collect();
        LocationSettings { allow: list(allow), deny: list(deny), unknown, on_network: Vec::new() }
    }

    #[test]
    fn lists_decide_and_deny_wins() {
        let p = policy(&["CH", "FR"], &["FR"], UnknownCountry::Deny);
        assert!(p.check(&from("CH"), false).is_ok());
        assert!(p.check(&from("FR"), false).is_err());
        assert!(p.check(&from("US"), false).is_err());
        assert!(p.check(&from("??"), false).is_err());
        assert!(p.check(&from("US"), true).is_ok(), "exempt accounts are");
    }

    #[test]
    fn unknown_country_is_refused_only_when_there_is_a_list() {
        assert!(policy(&[], &[], UnknownCountry::Deny).check(&from("??"), false).is_ok());
        assert!(policy(&[], &["US"], UnknownCountry::Deny).check(&from("??"), false).is_err());
        assert!(policy(&[], &["US"], UnknownCountry::Allow).check(&from("??"), false).is_ok());
    }

    #[test]
    fn on_network_is_by_address() {
        let mut p = policy(&[], &[], UnknownCountry::Deny);
        assert!(!p.on_network(&from("CH")));
        p.on_network = vec!["10.0.0.0/8".parse().unwrap()];
        assert!(p.on_network(&from("CH")));
    }
}
