//! Percent-encoding of a cookie's value as JavaScript's `encodeURIComponent` writes it: upper-case
//! digits. Nothing else is taken, so that a cookie has one spelling and not several.

use std::borrow::Cow;

/// Undoes the encoding; characters that stand for themselves may do so. `None` for a
/// broken escape, lower-case digits and what is not ASCII.
pub(super) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return text.is_ascii().then_some(Cow::Borrowed(text));
    }
    let mut decoded = String::with_capacity(text.len());
    let mut parts = text.split('%');
    decoded.push_str(parts.next()?);
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        let [high, low] = digits.as_bytes() else { return None };
        decoded.push(char::from(digit(*high)? << 4 | digit(*low)?));
        decoded.push_str(rest);
    }
    decoded.is_ascii().then_some(Cow::Owned(decoded))
}

fn digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_spelling_is_read() {
        assert_eq!(decode("s%3Aa.b%2B%2F").as_deref(), Some("s:a.b+/"));
        assert_eq!(decode("s:a.b+/=").as_deref(), Some("s:a.b+/="));
        for text in ["%3a", "%", "%3", "%G0", "a%", "%é", "%C3%A9", "é"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[%0-9A-Fa-fé]{0,20}") {
            let _ = decode(&text);
        }
    }
}
