//! Where a client is: its address and country, looked through trusted proxies. Forwarding
//! headers from anybody else are ignored.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use super::request::Peer;
use crate::domain::{ClientNetwork, CountryCode};
use crate::support::Watched;

/// A country database in MaxMind's format.
pub type CountryDatabase = maxminddb::Reader<Vec<u8>>;

/// How clients are found.
#[derive(Debug, Default)]
pub struct NetworkRules {
    /// Whose `X-Forwarded-*` and country headers count.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which a trusted proxy says the client's country.
    pub country_header: Option<HeaderName>,
    /// The database that knows the country of an address otherwise.
    pub countries: Option<Arc<Watched<CountryDatabase>>>,
}

impl NetworkRules {
    /// The client behind `peer`. The country is looked up only if `want_country`.
    #[must_use]
    pub fn client(&self, headers: &HeaderMap, peer: Peer, want_country: bool) -> ClientNetwork {
        let trusted = self.trusts(peer.ip);
        let ip = if trusted { self.forwarded_for(headers, peer.ip) } else { peer.ip };
        let country = want_country.then(|| self.country(headers, trusted, ip)).flatten();
        ClientNetwork { ip, country }
    }

    /// The host that the client asked a trusted proxy for.
    pub(super) fn forwarded_host<'h>(&self, headers: &'h HeaderMap, peer: Peer) -> Option<&'h str> {
        let mut said = headers.get_all("x-forwarded-host").iter();
        let (Some(host), None) = (said.next(), said.next()) else { return None };
        host.to_str().ok().filter(|_| self.trusts(peer.ip))
    }

    fn trusts(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.trusted_proxies.iter().any(|net| net.contains(&ip))
    }

    /// The right-most address of `X-Forwarded-For` that is not a trusted proxy's: everything
    /// left of it is the client's own claim. An unreadable entry ends the walk.
    fn forwarded_for(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        let mut found = peer;
        for line in headers.get_all("x-forwarded-for").iter().rev() {
            let Ok(line) = line.to_str() else { return found };
            for entry in line.rsplit(',') {
                let Some(ip) = parse_address(entry.trim()) else { return found };
                found = ip;
                if !self.trusts(ip) {
                    return found;
                }
            }
        }
        found
    }

    fn country(&self, headers: &HeaderMap, trusted: bool, ip: IpAddr) -> Option<CountryCode> {
        if let Some(name) = self.country_header.as_ref().filter(|_| trusted) {
            let mut values = headers.get_all(name).iter();
            if let (Some(value), None) = (values.next(), values.next()) {
                return value.to_str().ok().and_then(CountryCode::parse);
            }
        }
        let database = self.countries.as_ref()?.get();
        let found = database.lookup(ip).ok()?;
        let code: Option<String> = found
            .decode_path(&[
                maxminddb::PathElement::Key("country"),
                maxminddb::PathElement::Key("iso_code"),
            ])
            .ok()?;
        CountryCode::parse(&code?)
    }
}

/// An address, with or without a port, as proxies write it.
fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|t| t.split(']').next()).unwrap_or(text);
    bare.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|a| a.ip()))
        .map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules() -> NetworkRules {
        NetworkRules {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            country_header: Some(HeaderName::from_static("x-country")),
            countries: None,
        }
    }

    fn peer(ip: [u8; 4]) -> Peer {
        Peer { ip: ip.into(), tls: false }
    }

    fn headers(forwarded: &str) -> HeaderMap {
        let mut h = HeaderMap::new();
        h.insert("x-forwarded-for", forwarded.parse().unwrap());
        h.insert("x-country", "ch".parse().unwrap());
        h
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let c = rules().client(&headers("1.2.3.4"), peer([9, 9, 9, 9]), true);
        assert_eq!(c.ip, IpAddr::from([9, 9, 9, 9]));
        assert_eq!(c.country, None);
        let c = rules().client(&headers("1.2.3.4"), peer([10, 0, 0, 1]), true);
        assert_eq!(c.ip, IpAddr::from([1, 2, 3, 4]));
        assert_eq!(c.country, CountryCode::parse("CH"));
    }

    #[test]
    fn the_right_most_untrusted_address_is_the_client() {
        let c = rules().client(&headers("6.6.6.6, 1.2.3.4, 10.1.1.1"), peer([10, 0, 0, 1]), false);
        assert_eq!(c.ip, IpAddr::from([1, 2, 3, 4]));
        let c = rules().client(&headers("6.6.6.6, junk, 10.1.1.1"), peer([10, 0, 0, 1]), false);
        assert_eq!(c.ip, IpAddr::from([10, 1, 1, 1]));
    }

    #[test]
    fn a_doubled_country_header_counts_for_nothing() {
        let mut h = headers("1.2.3.4");
        h.append("x-country", "us".parse().unwrap());
        assert_eq!(rules().client(&h, peer([10, 0, 0, 1]), true).country, None);
    }

    proptest! {
        #[test]
        fn addresses_never_panic(text in "\\PC{0,60}") {
            let _ = parse_address(&text);
        }
    }
}
