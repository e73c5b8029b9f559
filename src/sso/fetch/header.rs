//! Headers of requests to other systems: which names the configuration may set, values that
//! `Debug` does not show, and the encoding of what goes into URLs, forms and credentials.

use std::fmt::Write;

use reqwest::header::{HeaderName, HeaderValue};
use zeroize::Zeroizing;

/// A header's name, unless it frames or routes the message.
///
/// # Errors
/// A text for the configuration's problems.
pub(in super::super) fn header_name(name: &str) -> Result<HeaderName, String> {
    let framing =
        ["host", "connection", "content-length", "transfer-encoding", "te", "upgrade", "trailer"];
    match HeaderName::from_bytes(name.as_bytes()) {
        Ok(parsed) if !framing.contains(&parsed.as_str()) => Ok(parsed),
        Ok(_) => Err("is not for the configuration to set".to_owned()),
        Err(_) => Err("is not a header's name".to_owned()),
    }
}

/// A header's value that `Debug` does not show.
pub(in super::super) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// RFC 3986 section 2.3: everything but the unreserved characters is encoded. Whoever reads
/// `application/x-www-form-urlencoded` reads this the same.
pub(in super::super) fn percent_encoded(text: &str) -> Zeroizing<String> {
    // Reserved in full, so that growing leaves no copy behind.
    let mut encoded = Zeroizing::new(String::with_capacity(3 * text.len()));
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The body of an `application/x-www-form-urlencoded` request.
pub(super) fn form(fields: &[(&str, &str)]) -> String {
    let mut body = String::new();
    for (name, value) in fields {
        if !body.is_empty() {
            body.push('&');
        }
        body.push_str(&percent_encoded(name));
        body.push('=');
        body.push_str(&percent_encoded(value));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_form_is_encoded() {
        let body = form(&[("token", "a b+c&d=e%é"), ("hint", "~.-_")]);
        assert_eq!(body, "token=a%20b%2Bc%26d%3De%25%C3%A9&hint=~.-_");
    }

    proptest! {
        #[test]
        fn a_value_stays_one_value(value in "\\PC{0,40}") {
            let url = format!("http://h/?{}", form(&[("a", &value), ("b", "c")]));
            let url = reqwest::Url::parse(&url).unwrap();
            let pairs: Vec<_> = url.query_pairs().into_owned().collect();
            let expected = [("a".to_owned(), value), ("b".to_owned(), "c".to_owned())];
            prop_assert_eq!(pairs, expected);
        }
    }
}
