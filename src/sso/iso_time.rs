//! Times as JavaScript's `toISOString`, Python's `isoformat` and Rails write them (RFC 3339
//! section 5.6). Called for times that stand inside authenticated sessions. A time without an
//! offset is none: it would be the writer's local time, which nobody here knows.

use crate::domain::Timestamp;

/// Reads `2026-11-28T16:50:54.680Z` or `2026-11-28T16:50:54+01:00`; fractions of a second
/// are dropped.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let (year, month, day) =
        (number(date, 0, 4, "")?, number(date, 4, 2, "-")?, number(date, 7, 2, "-")?);
    let (clock, rest) = rest.split_at_checked(9)?;
    let (hour, minute, second) =
        (number(clock, 0, 2, "T")?, number(clock, 3, 2, ":")?, number(clock, 6, 2, ":")?);
    let fits = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let local = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    fits.then_some(Timestamp::from_secs(local - offset(without_fraction(rest)?)?))
}

/// The digits behind `prefix`, which stands at `at`.
fn number(text: &str, at: usize, digits: usize, prefix: &str) -> Option<i64> {
    let text = text.get(at..)?.strip_prefix(prefix)?.get(..digits)?;
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn without_fraction(rest: &str) -> Option<&str> {
    let Some(fraction) = rest.strip_prefix('.') else { return Some(rest) };
    let rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    (rest.len() < fraction.len() && fraction.len() - rest.len() <= 9).then_some(rest)
}

/// Seconds that local time is ahead.
fn offset(text: &str) -> Option<i64> {
    let sign = match text.as_bytes().first()? {
        b'Z' if text.len() == 1 => return Some(0),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = (number(text, 1, 2, "")?, number(text, 3, 2, ":")?);
    (text.len() == 6 && hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Days from 1970-01-01 in the Gregorian calendar, counted in years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + day_of_year - 719_468
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_read_with_their_offset() {
        for (text, secs) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2023-11-14T22:13:20Z", 1_700_000_000),
            ("2026-11-28T16:50:54.680Z", 1_795_884_654),
            ("2026-12-05T16:28:56.186685+00:00", 1_796_488_136),
            ("2023-11-14T23:43:20+01:30", 1_700_000_000),
            ("2023-11-14T20:13:20-02:00", 1_700_000_000),
            ("2000-02-29T00:00:00Z", 951_782_400),
            ("0000-01-01T00:00:00Z", -62_167_219_200),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(parse(text), Some(Timestamp::from_secs(secs)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_or_nobody_knows_is_none() {
        for text in [
            "",
            "2026-11-28",
            "2026-11-28T16:50:54",
            "2026-11-28 16:50:54Z",
            "2026-11-28T16:50:54.Z",
            "2026-11-28T16:50:54ZZ",
            "2026-11-28T16:50:54+0100",
            "2026-11-28T16:50:54+01:00x",
            "2026-11-28T24:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "+026-01-01T00:00:00Z",
            "20é6-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9TZ:+.é-]{0,40}") {
            let _ = parse(&text);
        }
    }
}
