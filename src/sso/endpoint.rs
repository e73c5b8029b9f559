//! Which URLs a validator may ask; the one rule for every kind that asks one.

use std::net::IpAddr;

use reqwest::Url;

/// A URL that may be asked: `https`, or `http` to this machine or where it is permitted.
///
/// # Errors
/// A text for the configuration's problems.
pub(super) fn parse_url(text: &str, allow_plain_http: bool) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| format!("is not a URL: {e}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password".to_owned());
    }
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let here = host == "localhost" || address.is_ok_and(|ip| ip.is_loopback());
    match url.scheme() {
        "https" => Ok(url),
        "http" if here || allow_plain_http => Ok(url),
        "http" => Err("must be https (or set allow_plain_http)".to_owned()),
        _ => Err("must be an https URL".to_owned()),
    }
}
