//! An SSO cookie in pieces: systems whose cookie outgrows what a browser keeps split it into
//! `<name>.0`, `<name>.1` … (Auth.js does). `credentials.rs` collects the pieces; this puts
//! them together, and refuses what is not whole.

use zeroize::Zeroizing;

use super::error::HttpError;
use crate::domain::SecretString;

/// The most chunks of one cookie.
const MAX_CHUNKS: usize = 16;
/// The longest joined value, in bytes.
const MAX_JOINED: usize = 32 * 1024;

/// The chunks of one cookie, as they are met.
#[derive(Default)]
pub(super) struct Chunks {
    values: [Option<Zeroizing<String>>; MAX_CHUNKS],
    fault: Option<&'static str>,
}

/// The number that a cookie's name has as a chunk of `whole`; only the spelling that
/// counting gives: a system's other cookies may begin with the same name.
pub(super) fn chunk_number(name: &str, whole: &str) -> Option<u32> {
    let digits = name.strip_prefix(whole)?.strip_prefix('.')?;
    let number = digits.parse::<u32>().ok()?;
    (number.to_string() == digits).then_some(number)
}

impl Chunks {
    /// Takes a chunk. A fault is not one yet: it does not matter where the whole was sent too.
    pub(super) fn add(&mut self, number: u32, value: &str) {
        let place = usize::try_from(number).ok().and_then(|n| self.values.get_mut(n));
        match place {
            None => self.fault = Some("has too many chunks"),
            Some(Some(_)) => self.fault = Some("has a chunk that is sent twice"),
            Some(place) => *place = Some(Zeroizing::new(value.to_owned())),
        }
    }

    /// The whole, if there is any of it.
    ///
    /// # Errors
    /// 400 when a chunk is missing, empty or doubled, or there is too much of it.
    pub(super) fn join(self, name: &str) -> Result<Option<SecretString>, HttpError> {
        let refuse = |fault: &str| Err(HttpError::bad_request(format!("{name} {fault}")));
        if let Some(fault) = self.fault {
            return refuse(fault);
        }
        let count = self.values.iter().flatten().count();
        if count == 0 {
            return Ok(None);
        }
        let len: usize = self.values.iter().flatten().map(|v| v.len()).sum();
        if len > MAX_JOINED {
            return refuse(&format!("is longer than {MAX_JOINED} bytes"));
        }
        // With its whole room from the start, so that growing leaves no copies behind.
        let mut whole = Zeroizing::new(String::with_capacity(len));
        for value in &self.values[..count] {
            match value {
                None => return refuse("has a chunk missing"),
                Some(value) if value.is_empty() => return refuse("has an empty chunk"),
                Some(value) => whole.push_str(value),
            }
        }
        Ok(Some(SecretString::new(std::mem::take(&mut *whole))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn join(chunks: &[(u32, &str)]) -> Result<Option<String>, ()> {
        let mut all = Chunks::default();
        for (number, value) in chunks {
            all.add(*number, value);
        }
        all.join("sso").map(|whole| whole.map(|w| w.expose().to_owned())).map_err(|_| ())
    }

    #[test]
    fn chunks_are_joined_by_number() {
        assert_eq!(join(&[]), Ok(None));
        assert_eq!(join(&[(0, "a")]), Ok(Some("a".into())));
        assert_eq!(join(&[(2, "c"), (0, "a"), (1, "b")]), Ok(Some("abc".into())));
        let ten: Vec<_> = (0..11).rev().map(|n| (n, if n == 10 { "z" } else { "a" })).collect();
        assert_eq!(join(&ten), Ok(Some("aaaaaaaaaaz".into())), "2 stands before 10");
    }

    #[test]
    fn a_cookie_that_is_not_whole_is_refused() {
        assert_eq!(join(&[(1, "b")]), Err(()), "no first");
        assert_eq!(join(&[(0, "a"), (2, "c")]), Err(()), "a gap");
        assert_eq!(join(&[(0, "a"), (0, "a")]), Err(()), "a double");
        assert_eq!(join(&[(0, "a"), (1, "")]), Err(()), "an empty one");
        assert_eq!(join(&[(0, "a"), (16, "b")]), Err(()), "too high a number");
    }

    #[test]
    fn the_joined_length_is_bounded() {
        let half = "a".repeat(MAX_JOINED / 2);
        assert!(join(&[(0, &half), (1, &half)]).is_ok());
        assert_eq!(join(&[(0, &half), (1, &half), (2, "a")]), Err(()));
    }

    #[test]
    fn only_counting_numbers_name_chunks() {
        assert_eq!(chunk_number("sso.0", "sso"), Some(0));
        assert_eq!(chunk_number("sso.10", "sso"), Some(10));
        for name in [
            "sso",
            "sso.",
            "sso.01",
            "sso.+1",
            "sso.-1",
            "sso.1x",
            "sso0",
            "xsso.0",
            "sso.99999999999",
        ] {
            assert_eq!(chunk_number(name, "sso"), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_split_value_is_put_together(
            value in "[a-z]{1,200}", size in 13_usize..50, order in any::<prop::sample::Index>(),
        ) {
            let mut chunks: Vec<(u32, &str)> = value
                .as_bytes()
                .chunks(size)
                .enumerate()
                .map(|(i, c)| (u32::try_from(i).unwrap(), std::str::from_utf8(c).unwrap()))
                .collect();
            let by = order.index(chunks.len());
            chunks.rotate_left(by);
            prop_assert_eq!(join(&chunks), Ok(Some(value.clone())));
        }
    }
}
