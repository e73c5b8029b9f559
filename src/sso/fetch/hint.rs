//! Reads how long an answer may be kept from its headers: `Ory-Session-Cache-For` (whole
//! seconds, Ory Kratos' whoami) before `Cache-Control` (RFC 9111 section 5.2.2) less `Age`.
//! What cannot be read is taken as "do not keep".

use std::time::Duration;

use reqwest::header::{AGE, CACHE_CONTROL, HeaderMap, HeaderName};

use super::super::asks::Hint;

const ORY: HeaderName = HeaderName::from_static("ory-session-cache-for");

/// The headers' hint.
pub(super) fn read(headers: &HeaderMap) -> Hint {
    if let Some(value) = headers.get(ORY) {
        let secs = value.to_str().map(seconds).unwrap_or_default();
        return Hint { fresh_for: Some(Duration::from_secs(secs)), never_stale: false };
    }
    let mut hint = Hint::default();
    let age = headers.get(AGE).and_then(|v| v.to_str().ok()).map(seconds).unwrap_or_default();
    let lines = headers.get_all(CACHE_CONTROL).iter().filter_map(|v| v.to_str().ok());
    for directive in lines.flat_map(|line| line.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let limit = match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => 0,
            "max-age" => seconds(value.trim().trim_matches('"')).saturating_sub(age),
            "must-revalidate" | "proxy-revalidate" => {
                hint.never_stale = true;
                continue;
            }
            _ => continue,
        };
        let limit = Duration::from_secs(limit);
        hint.fresh_for = Some(hint.fresh_for.map_or(limit, |other| other.min(limit)));
    }
    hint
}

/// `delta-seconds` (RFC 9111 section 1.2.2): too large is very long, else unreadable is none.
fn seconds(text: &str) -> u64 {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return 0;
    }
    text.parse().unwrap_or(u64::from(u32::MAX)).min(u64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(lines: &[(&'static str, &'static str)]) -> (Option<u64>, bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        let hint = read(&headers);
        (hint.fresh_for.map(|d| d.as_secs()), hint.never_stale)
    }

    #[test]
    fn cache_control_is_read_as_the_rfc_has_it() {
        for (value, want) in [
            ("max-age=60", Some(60)),
            ("private, Max-Age=\"60\"", Some(60)),
            ("max-age=60, no-store", Some(0)),
            ("no-cache", Some(0)),
            ("no-cache=\"set-cookie\"", Some(0)),
            ("max-age=soon", Some(0)),
            ("max-age=-1", Some(0)),
            ("max-age", Some(0)),
            ("max-age=99999999999999999999", Some(u64::from(u32::MAX))),
            ("private", None),
            ("", None),
        ] {
            assert_eq!(hint(&[("cache-control", value)]), (want, false), "{value}");
        }
        let lines = [("cache-control", "max-age=60"), ("cache-control", "must-revalidate")];
        assert_eq!(hint(&lines), (Some(60), true));
        assert_eq!(hint(&[("cache-control", "max-age=60"), ("age", "50")]), (Some(10), false));
    }

    #[test]
    fn orys_own_header_wins() {
        let lines = [("cache-control", "no-store"), ("ory-session-cache-for", "45")];
        assert_eq!(hint(&lines), (Some(45), false));
        assert_eq!(hint(&[("ory-session-cache-for", "-3")]), (Some(0), false));
    }
}
