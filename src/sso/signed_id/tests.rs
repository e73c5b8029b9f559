//! Signed session ids of the real libraries, and what no input may do.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::sso::vectors;

const EXPRESS: &str = include_str!("../../../tests/data/vectors/express-session.json");
const BETTER_AUTH: &str = include_str!("../../../tests/data/vectors/better-auth.json");
const FLASK: &str = include_str!("../../../tests/data/vectors/flask.json");
const OTHER: &str = "some-other-secret-of-length";

fn opener(format: Format, secrets: &[&str]) -> Opener {
    let secrets: Vec<_> = secrets.iter().map(|text| vectors::secret(text)).collect();
    let mut problems = Problems::default();
    let opener = Opener::load(format, vectors::secrets(&secrets), &mut problems);
    assert!(problems.is_empty());
    opener
}

fn shows_its_id(format: Format, secret: &str, cookie: &str, id: &str) {
    assert_eq!(opener(format, &[secret]).open(cookie).unwrap(), id);
    assert_eq!(opener(format, &[OTHER, secret]).open(cookie).unwrap(), id);
    let wrong = ValidateError::Rejected("MAC does not verify");
    assert_eq!(opener(format, &[OTHER]).open(cookie), Err(wrong));
    let opener = opener(format, &[secret]);
    vectors::assert_nothing_else_passes(cookie, Some('.'), |text| opener.open(text));
}

#[test]
fn a_cookie_of_express_session_opens_encoded_or_not() {
    let file = vectors::read(EXPRESS);
    let (secret, id) = (vectors::text(&file, "/secret"), vectors::text(&file, "/session_id"));
    shows_its_id(Format::Express, secret, vectors::text(&file, "/cookie_raw"), id);
    shows_its_id(Format::Express, secret, vectors::text(&file, "/cookie_urldecoded"), id);
    assert_eq!(vectors::text(&file, "/redis_key"), format!("sess:{id}"));
}

#[test]
fn a_token_cookie_of_better_auth_opens() {
    let file = vectors::read(BETTER_AUTH);
    let (secret, token) = (vectors::text(&file, "/secret"), vectors::text(&file, "/token"));
    let cookie = vectors::text(&file, "/cookie_raw");
    assert!(vectors::text(&file, "/set_cookie/0").contains(cookie));
    shows_its_id(Format::BetterAuth, secret, cookie, token);
}

#[test]
fn a_signed_id_of_flask_session_opens() {
    let file = vectors::read(FLASK);
    let secret = vectors::text(&file, "/secret_key");
    let entries = file["flask_session_redis"].as_array().unwrap();
    for entry in entries {
        let cookie = vectors::text(entry, "/cookie");
        let id = vectors::text(entry, "/redis_key").strip_prefix("session:").unwrap();
        if entry["use_signer"] == Value::Bool(true) {
            shows_its_id(Format::FlaskSession, secret, cookie, id);
        } else {
            let no_mac = ValidateError::Malformed("it has no MAC");
            assert_eq!(opener(Format::FlaskSession, &[secret]).open(cookie), Err(no_mac));
        }
    }
}

#[test]
fn what_is_not_of_the_format_is_malformed() {
    for (format, cookie) in [
        (Format::Express, "fv3RTHPzY7B6.NuNjhouuDi"),
        (Format::Express, "s:"),
        (Format::Express, "s:.NuNjhouuDi"),
        (Format::Express, "s%3a1.x"),
        (Format::Express, "j:{}"),
        (Format::BetterAuth, "token"),
        (Format::BetterAuth, "tok%en.x"),
        (Format::BetterAuth, "tok%0Aen.x"),
        (Format::FlaskSession, "zo\u{eb}.x"),
        (Format::FlaskSession, &"a.".repeat(3000)),
    ] {
        let verdict = opener(format, &[OTHER]).open(cookie);
        assert!(matches!(verdict, Err(ValidateError::Malformed(_))), "{cookie}: {verdict:?}");
    }
}

proptest! {
    #[test]
    fn no_text_passes_or_panics(text in "(s:|s%3A)?\\PC{0,30}(\\.[A-Za-z0-9_+/-]{27,43}=?)?") {
        for format in [Format::Express, Format::BetterAuth, Format::FlaskSession] {
            prop_assert!(opener(format, &[OTHER]).open(&text).is_err());
        }
    }
}
