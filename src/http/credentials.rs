//! Finding credentials in headers: the SSO cookie, `Basic`, `Bearer`. Parses shapes only;
//! whose they are is a validator's business.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use zeroize::Zeroizing;

use super::chunks::{Chunks, chunk_number};
use super::context::single;
use super::error::HttpError;
use crate::domain::{Credential, SecretString};

/// The longest credential that is looked at, in bytes.
const MAX_CREDENTIAL: usize = 8 * 1024;

/// The SSO cookie of this name, or, where `header_too`, the header of the same name; in the
/// absence of both, the chunks `<name>.0`, `<name>.1` … that some systems split it into.
/// `None` when there is nothing of it.
///
/// # Errors
/// 400 when it is ill-formed: empty, too long, not UTF-8, or sent twice with different values;
/// a chunk missing or sent twice.
pub(super) fn sso_cookie(
    headers: &HeaderMap,
    name: &str,
    header_too: bool,
) -> Result<Option<Credential>, HttpError> {
    let mut found: Option<SecretString> = None;
    let mut chunks = Chunks::default();
    // HTTP/2 clients may split the header (RFC 9113 section 8.2.3): all lines are one list.
    for line in headers.get_all(header::COOKIE) {
        let line = std::str::from_utf8(line.as_bytes())
            .map_err(|_| HttpError::bad_request("cookie header is not utf-8"))?;
        for pair in cookie::Cookie::split_parse(line) {
            // Other systems' broken cookies are not this call's business.
            let Ok(cookie) = pair else { continue };
            if cookie.name() == name {
                one_value(&mut found, cookie.value_trimmed(), name)?;
            } else if let Some(number) = chunk_number(cookie.name(), name) {
                chunks.add(number, cookie.value_trimmed());
            }
        }
    }
    if header_too {
        for value in headers.get_all(name) {
            let text = std::str::from_utf8(value.as_bytes())
                .map_err(|_| HttpError::bad_request(format!("header {name} is not utf-8")))?;
            one_value(&mut found, text.trim(), name)?;
        }
    }
    if found.is_none() {
        found = chunks.join(name)?;
    }
    Ok(found.map(Credential::Cookie))
}

fn one_value(found: &mut Option<SecretString>, value: &str, name: &str) -> Result<(), HttpError> {
    if value.is_empty() {
        return Err(HttpError::bad_request(format!("{name} is empty")));
    }
    if value.len() > MAX_CREDENTIAL {
        return Err(HttpError::bad_request(format!(
            "{name} is longer than {MAX_CREDENTIAL} bytes"
        )));
    }
    match found {
        Some(first) if first.expose() != value => {
            Err(HttpError::bad_request(format!("{name} is sent twice with different values")))
        }
        Some(_) => Ok(()),
        None => {
            *found = Some(SecretString::new(value));
            Ok(())
        }
    }
}

/// `Authorization: Basic` (RFC 7617), if that is the scheme.
///
/// # Errors
/// 400 when the header is doubled or its content is not usable.
pub(super) fn basic(headers: &HeaderMap) -> Result<Option<Credential>, HttpError> {
    let unusable = || HttpError::bad_request("authorization header is not usable");
    let Some(text) = single(headers, "authorization")? else { return Ok(None) };
    let Some(encoded) = strip_scheme(text, "basic") else { return Ok(None) };
    if encoded.len() > MAX_CREDENTIAL {
        return Err(unusable());
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| unusable())?);
    let pair = std::str::from_utf8(&decoded).map_err(|_| unusable())?;
    let (username, password) = pair.split_once(':').ok_or_else(unusable)?;
    if username.is_empty() || password.is_empty() || pair.chars().any(char::is_control) {
        return Err(unusable());
    }
    Ok(Some(Credential::Password {
        username: SecretString::new(username),
        password: SecretString::new(password),
    }))
}

/// The token of `Authorization: Bearer` (RFC 6750), the scheme in any case; without a scheme
/// too where `bare` (AGS). `None` when there is no such header or it has another scheme.
///
/// # Errors
/// 400 when the header is sent twice or has characters that it may not have.
pub(super) fn bearer(headers: &HeaderMap, bare: bool) -> Result<Option<&str>, HttpError> {
    let Some(text) = single(headers, "authorization")? else { return Ok(None) };
    let text = text.trim();
    let token = strip_scheme(text, "bearer").or((bare && !text.contains(' ')).then_some(text));
    Ok(token.filter(|t| !t.is_empty()))
}

fn strip_scheme<'t>(text: &'t str, scheme: &str) -> Option<&'t str> {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    first.eq_ignore_ascii_case(scheme).then(|| rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(pairs: &[(&str, &[u8])]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(
                http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                http::HeaderValue::from_bytes(value).unwrap(),
            );
        }
        map
    }

    fn cookie(pairs: &[(&str, &[u8])]) -> Result<Option<String>, ()> {
        sso_cookie(&headers(pairs), "sso", true)
            .map(|c| c.map(|c| c.text().unwrap_or_default().to_owned()))
            .map_err(|_| ())
    }

    #[test]
    fn the_cookie_is_found_among_others_and_across_split_headers() {
        assert_eq!(cookie(&[("cookie", b"a=1; sso=v; b")]), Ok(Some("v".into())));
        assert_eq!(cookie(&[("cookie", b"a=1"), ("cookie", b"sso=v")]), Ok(Some("v".into())));
        assert_eq!(cookie(&[("cookie", b"sso=\"v\"")]), Ok(Some("v".into())));
        assert_eq!(cookie(&[("sso", b"v")]), Ok(Some("v".into())));
        assert_eq!(cookie(&[("cookie", b"sso=v"), ("sso", b"v")]), Ok(Some("v".into())));
        assert_eq!(cookie(&[("cookie", b"SSO=v")]), Ok(None), "names are case-sensitive");
    }

    #[test]
    fn ill_formed_cookies_are_refused() {
        assert_eq!(cookie(&[("cookie", b"sso=a; sso=b")]), Err(()));
        assert_eq!(cookie(&[("cookie", b"sso=a"), ("sso", b"b")]), Err(()));
        assert_eq!(cookie(&[("cookie", b"sso=")]), Err(()));
        assert_eq!(cookie(&[("cookie", b"sso=\xff")]), Err(()));
        let long = [b"sso=".as_slice(), &vec![b'a'; MAX_CREDENTIAL + 1]].concat();
        assert_eq!(cookie(&[("cookie", &long)]), Err(()));
    }

    #[test]
    fn chunks_count_only_where_the_whole_is_absent() {
        assert_eq!(cookie(&[("cookie", b"sso.1=b; x=y; sso.0=a")]), Ok(Some("ab".into())));
        assert_eq!(
            cookie(&[("cookie", b"sso.1=b"), ("cookie", b"sso.0=a")]),
            Ok(Some("ab".into()))
        );
        assert_eq!(cookie(&[("cookie", b"sso=v; sso.0=a; sso.0=b")]), Ok(Some("v".into())));
        assert_eq!(cookie(&[("cookie", b"sso.1=b"), ("sso", b"v")]), Ok(Some("v".into())));
        assert_eq!(cookie(&[("cookie", b"sso.id=a; sso.=b; other.0=c")]), Ok(None));
        assert_eq!(cookie(&[("cookie", b"sso.1=b")]), Err(()));
    }

    #[test]
    fn bearer_takes_any_case_and_bare_only_where_allowed() {
        let of = |v: &str, bare| {
            bearer(&headers(&[("authorization", v.as_bytes())]), bare)
                .ok()
                .flatten()
                .map(str::to_owned)
        };
        assert_eq!(of("bEaReR x.y.z", false).as_deref(), Some("x.y.z"));
        assert_eq!(of("x.y.z", true).as_deref(), Some("x.y.z"));
        assert_eq!(of("x.y.z", false), None);
        assert_eq!(of("Basic abc", true), None);
        assert_eq!(of("Bearer", true), None);
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parsers_panic(value in proptest::collection::vec(0x20u8..0x7f, 0..200)) {
            let map = headers(&[("authorization", &value), ("cookie", &value)]);
            let _ = basic(&map);
            let _ = bearer(&map, true);
            let _ = sso_cookie(&map, "sso", true);
        }

        #[test]
        fn basic_round_trips(user in "[^:\\p{C}]{1,20}", pass in "[^\\p{C}]{1,20}") {
            let value = format!("Basic {}", STANDARD.encode(format!("{user}:{pass}")));
            let found = basic(&headers(&[("authorization", value.as_bytes())])).ok().flatten();
            let Some(Credential::Password { username, password }) = found else {
                return Err(TestCaseError::fail("not found"));
            };
            prop_assert_eq!(username.expose(), user);
            prop_assert_eq!(password.expose(), pass);
        }
    }
}
