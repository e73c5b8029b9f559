//! House rules that can be read from the source's text.

use super::imports::code;
use super::sources;

/// The longest file, tests included.
const MAX_LINES: usize = 400;

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<_> =
        sources().into_iter().filter(|s| !s.text.starts_with("//! ")).map(|s| s.path).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn no_file_is_too_long_to_read() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|s| (s.text.lines().count(), s.path))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn nothing_is_left_undone_or_silenced() {
    let mut found = Vec::new();
    for source in sources() {
        let code = code(&source.text);
        for word in ["todo!", "unimplemented!", "dbg!", "#[allow(", "#![allow(", "unsafe "] {
            if code.contains(word) {
                found.push(format!("{} has {word}", source.path));
            }
        }
    }
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn time_and_randomness_are_read_in_one_place_each() {
    let mut found = Vec::new();
    for source in sources() {
        let code = code(&source.text);
        // A log's timestamps decide nothing.
        for (call, places) in [
            ("SystemTime::now", ["domain/clock.rs", "telemetry/json.rs"]),
            ("rand::fill", ["domain/random.rs", ""]),
        ] {
            if code.contains(call) && !places.contains(&source.path.as_str()) {
                found.push(format!("{} calls {call}", source.path));
            }
        }
    }
    assert!(found.is_empty(), "{found:?}");
}
