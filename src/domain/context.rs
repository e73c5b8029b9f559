//! What is known of a request before anybody looks at its credential: its
//! correlation id and the network it came from.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::Random;

/// The identifier that ties a call flow together in every log (`x-correlation-id`).
#[derive(Clone, PartialEq, Eq)]
pub struct CorrelationId(Arc<str>);

impl CorrelationId {
    /// The longest accepted id, in bytes.
    pub const MAX_LEN: usize = 128;

    /// Parses a client's value: 1 to 128 of `A-Z a-z 0-9 . _ : / + = @ -`, so that it
    /// can be put in a header, a log line and a JSON document as it is. Anything
    /// else is `None`, and the caller makes a fresh one.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let allowed = |b: &u8| {
            b.is_ascii_alphanumeric()
                || matches!(b, b'.' | b'_' | b':' | b'/' | b'+' | b'=' | b'@' | b'-')
        };
        if text.is_empty() || text.len() > Self::MAX_LEN || !text.iter().all(allowed) {
            return None;
        }
        std::str::from_utf8(text).ok().map(|t| Self(Arc::from(t)))
    }

    /// A fresh one: a random UUID.
    #[must_use]
    pub fn fresh(random: &dyn Random) -> Self {
        let mut buf = uuid::Uuid::encode_buffer();
        Self(Arc::from(&*random.uuid().hyphenated().encode_lower(&mut buf)))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An ISO 3166-1 alpha-2 country code, upper case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CountryCode([u8; 2]);

impl CountryCode {
    /// Parses two ASCII letters of any case. `XX` and `T1` (unknown and Tor in
    /// common CDN headers) are no countries.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let &[a, b] = text.as_bytes() else { return None };
        let code = [a.to_ascii_uppercase(), b.to_ascii_uppercase()];
        (code.iter().all(u8::is_ascii_uppercase) && &code != b"XX").then_some(Self(code))
    }

    /// The two letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

impl<'de> serde::Deserialize<'de> for CountryCode {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom("a country is two letters (ISO 3166-1 alpha-2)")
        })
    }
}

/// Where a request came from, after trusted proxies have been looked through.
#[derive(Debug, Clone, Copy)]
pub struct ClientNetwork {
    /// The client's address.
    pub ip: IpAddr,
    /// The client's country, when a trusted header or the geo database knows it.
    pub country: Option<CountryCode>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlation_ids_are_parsed_never_copied_blindly() {
        assert!(CorrelationId::parse(b"flow-1:a/b+c=@x").is_some());
        for bad in [&b""[..], b"a b", b"a\nb", b"\xff", b"\"", &[b'a'; 129]] {
            assert!(CorrelationId::parse(bad).is_none());
        }
    }

    #[test]
    fn countries_are_two_letters() {
        assert_eq!(CountryCode::parse("ch").map(|c| c.as_str().to_owned()).as_deref(), Some("CH"));
        for bad in ["", "C", "CHE", "c1", "XX", "T1"] {
            assert!(CountryCode::parse(bad).is_none(), "{bad}");
        }
    }
}
