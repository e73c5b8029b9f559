//! Where a database server is: a host or, with a path, a socket of this machine. Refuses a
//! plain connection to another machine that nobody has asked for. Part of the tables that
//! `redis` and `postgres` read.

use std::net::IpAddr;
use std::time::Duration;

use crate::domain::setting::{HumanDuration, Problems, join};

/// The longest wait that is accepted in the configuration.
const MAX_WAIT: Duration = Duration::from_secs(300);

/// Whether the host is a path of this machine's file system.
#[must_use]
pub fn is_socket(host: &str) -> bool {
    host.starts_with('/')
}

/// Whether the host is this machine.
#[must_use]
pub fn is_here(host: &str) -> bool {
    is_socket(host)
        || host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Notes what is wrong with a server's place: an empty host, or a password and sessions on the
/// wire in the clear although `allow_plain` does not say so.
pub fn check(host: &str, has_tls: bool, allow_plain: bool, path: &str, problems: &mut Problems) {
    let at = join(path, "host");
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@') {
        problems.push(at, "must be a host name, an address or the path of a socket");
    } else if has_tls && is_socket(host) {
        problems.push(join(path, "tls"), "is not for a socket of this machine");
    } else if !has_tls && !allow_plain && !is_here(host) {
        problems.push(join(path, "tls"), "must be enabled to another host (or set allow_plain)");
    }
}

/// Notes waits that are none or too long to be meant.
pub fn check_waits(waits: [(&str, HumanDuration); 2], path: &str, problems: &mut Problems) {
    for (key, wait) in waits {
        if wait.0 < Duration::from_millis(1) || wait.0 > MAX_WAIT {
            problems.push(join(path, key), "must be from 1ms to 300s");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(host: &str, has_tls: bool, allow_plain: bool) -> Vec<String> {
        let mut problems = Problems::default();
        check(host, has_tls, allow_plain, "x", &mut problems);
        problems.into_vec().into_iter().map(|p| p.path).collect()
    }

    #[test]
    fn another_host_needs_tls_unless_plain_is_allowed() {
        for here in ["127.0.0.1", "::1", "localhost", "/run/redis/redis.sock"] {
            assert!(problems_of(here, false, false).is_empty(), "{here}");
        }
        for there in ["10.0.0.1", "db.example.com", "127.0.0.1.example.com"] {
            assert_eq!(problems_of(there, false, false), ["x.tls"], "{there}");
            assert!(problems_of(there, true, false).is_empty(), "{there}");
            assert!(problems_of(there, false, true).is_empty(), "{there}");
        }
    }

    #[test]
    fn what_is_no_host_is_a_problem() {
        for host in ["", "a b", "user@host", "a\n"] {
            assert_eq!(problems_of(host, true, true), ["x.host"], "{host:?}");
        }
        assert_eq!(problems_of("/run/x", true, false), ["x.tls"]);
    }
}
