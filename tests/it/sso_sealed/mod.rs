//! The kinds that open a framework's cookie: `rails`, `authjs`, `iron_session`, `laravel`.
//! Cookies that the real libraries made (`tests/data/vectors`), and ones made here for what
//! those do not show.

mod authjs;
mod chunks;
mod examples;
mod iron_session;
mod laravel;
pub(crate) mod mint;
mod rails;

use std::sync::Arc;
use std::time::Duration;

use cambio::domain::{Timestamp, Verified};
use cambio::sso::{SsoValidator, ValidateError};
use futures_util::FutureExt;
use serde_json::Value;

use crate::sso_fixtures::{cookie, cx_at};

/// When the vectors were made, and a little.
const MINTED: Timestamp = Timestamp::from_secs(1_795_278_600);

/// The vectors of one file.
fn vectors(name: &str) -> Value {
    let path = format!("{}/tests/data/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap()
}

/// The verdict on a cookie's value; these kinds never wait.
fn decide(
    validator: &Arc<dyn SsoValidator>,
    value: &str,
    now: Timestamp,
) -> Result<Verified, ValidateError> {
    let cx = cx_at(now, Duration::from_secs(10));
    validator.validate(&cookie(value), &cx).now_or_never().unwrap()
}

/// Every value that differs from a good one in one bit (and is still a text) is refused.
fn refuses_every_changed_bit(validator: &Arc<dyn SsoValidator>, value: &str, now: Timestamp) {
    assert!(decide(validator, value, now).is_ok());
    for (at, bit) in (0..value.len()).flat_map(|at| (0..7).map(move |bit| (at, bit))) {
        let mut bytes = value.as_bytes().to_vec();
        bytes[at] ^= 1 << bit;
        let changed = String::from_utf8(bytes).unwrap();
        let verdict = decide(validator, &changed, now);
        assert!(
            matches!(verdict, Err(ValidateError::Malformed(_) | ValidateError::Rejected(_))),
            "byte {at}, bit {bit}: {verdict:?}"
        );
    }
}

/// Every value that is cut short, or longer by a character, is refused.
fn refuses_every_other_length(validator: &Arc<dyn SsoValidator>, value: &str, now: Timestamp) {
    for len in 0..value.len() {
        assert!(decide(validator, &value[..len], now).is_err(), "{len} characters");
    }
    for more in ["=", "A", ".", "-", "*", "~2", " ", "%"] {
        assert!(decide(validator, &format!("{value}{more}"), now).is_err(), "{more}");
        assert!(decide(validator, &format!("{more}{value}"), now).is_err(), "{more}");
    }
}
