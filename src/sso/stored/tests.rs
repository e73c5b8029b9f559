//! Stored sessions of the real libraries, from the cookie to the verdict, with the clock given.

use serde_json::{Value, json};

use super::*;
use crate::domain::setting::Problems;
use crate::domain::{Credential, SecretString, Timestamp, Verified};
use crate::sso::{ValidateError, vectors};

const EXPRESS: &str = include_str!("../../../tests/data/vectors/express-session.json");
const BETTER_AUTH: &str = include_str!("../../../tests/data/vectors/better-auth.json");
const DJANGO: &str = include_str!("../../../tests/data/vectors/django.json");
const FLASK: &str = include_str!("../../../tests/data/vectors/flask.json");
const LARAVEL: &str = include_str!("../../../tests/data/vectors/laravel.json");
const PHP: &str = include_str!("../../../tests/data/vectors/php-redis.json");

/// Within the life of every vector.
const NOW: Timestamp = Timestamp::from_secs(1_795_280_000);

fn try_build(mut table: Value) -> Result<Stored, Vec<String>> {
    let mut problems = Problems::default();
    let settings = Settings::take(&mut table, "v", &mut problems);
    assert_eq!(table, json!({}), "every key is a common one");
    let stored = settings.and_then(|settings| settings.build("v", &mut problems));
    assert_eq!(stored.is_some(), problems.is_empty());
    stored.ok_or_else(|| problems.into_vec().into_iter().map(|p| p.path).collect())
}

fn build(table: Value) -> Stored {
    try_build(table).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn id(stored: &Stored, cookie: &str) -> Result<String, ValidateError> {
    let credential = Credential::Cookie(SecretString::new(cookie));
    stored.id(&credential).map(|id| id.expose().to_owned())
}

fn decide(
    stored: &Stored,
    data: &[u8],
    end: Option<i64>,
    now: Timestamp,
) -> Result<Verified, ValidateError> {
    let end = end.map(Timestamp::from_secs);
    let found = Found { data: Some(data.to_vec()), end, ..Found::default() };
    stored.verdict(stored.session(found, now)?, None, now)
}

fn is_upstream<T: std::fmt::Debug>(verdict: Result<T, ValidateError>) -> bool {
    matches!(verdict, Err(ValidateError::Upstream(_)))
}

#[test]
fn an_express_session_is_read() {
    let file = vectors::read(EXPRESS);
    let stored = build(json!({"cookie": {"kind": "express", "secrets": [file["secret"]]},
        "format": "json", "fields": {"subject": "/user/id", "roles": "roles"}}));
    let cookie = vectors::text(&file, "/cookie_raw");
    assert_eq!(id(&stored, cookie).as_deref(), Ok(vectors::text(&file, "/session_id")));
    vectors::assert_nothing_else_passes(cookie, Some('.'), |text| id(&stored, text));

    let data = vectors::text(&file, "/redis_value").as_bytes();
    let who = decide(&stored, data, None, NOW).unwrap();
    assert_eq!(
        (who.subject.as_str(), &*who.roles),
        ("42", &["dev".to_owned(), "ops".to_owned()][..])
    );
    // Of the ends of the key and of the cookie the earlier one counts.
    let in_the_cookie = 1_795_282_141;
    assert_eq!(who.expires_at, Some(Timestamp::from_secs(in_the_cookie)));
    let who = decide(&stored, data, Some(in_the_cookie - 1), NOW).unwrap();
    assert_eq!(who.expires_at, Some(Timestamp::from_secs(in_the_cookie - 1)));
    let over = Timestamp::from_secs(in_the_cookie);
    let ended = ValidateError::Rejected("it has expired");
    assert_eq!(decide(&stored, data, None, over), Err(ended));
    let session_cookie = br#"{"cookie":{"expires":null},"user":{"id":42}}"#;
    assert_eq!(decide(&stored, session_cookie, None, NOW).unwrap().expires_at, None);
    let wrong = br#"{"cookie":{"expires":"soon"},"user":{"id":42}}"#;
    assert!(is_upstream(decide(&stored, wrong, None, NOW)));
    let visitor = br#"{"cookie":{"expires":null}}"#;
    let nobody = ValidateError::Rejected("nobody is logged in");
    assert_eq!(decide(&stored, visitor, None, NOW), Err(nobody));
}

#[test]
fn a_php_session_is_read() {
    let file = vectors::read(PHP);
    for vector in file["vectors"].as_array().unwrap() {
        let stored = build(json!({"format": vector["serialize_handler"],
            "fields": {"subject": "user", "roles": "roles"}}));
        let key = vectors::text(vector, "/redis_key");
        let want = key.strip_prefix("PHPREDIS_SESSION:").unwrap();
        let cookie = vectors::text(vector, "/set_cookie");
        let cookie = cookie.strip_prefix("PHPSESSID=").unwrap().split(';').next().unwrap();
        assert_eq!(id(&stored, cookie).as_deref(), Ok(want));
        let data = vectors::text(vector, "/redis_value").as_bytes();
        let who = decide(&stored, data, Some(NOW.secs() + 1440), NOW).unwrap();
        assert_eq!((who.subject.as_str(), who.roles.len()), ("alice", 2));
    }
}

#[test]
fn a_flask_session_is_read_with_a_signer_or_without() {
    let file = vectors::read(FLASK);
    for vector in file["flask_session_redis"].as_array().unwrap() {
        let signed = vector["use_signer"] == true;
        let cookie = match signed {
            true => json!({"kind": "flask_session", "secrets": [file["secret_key"]]}),
            false => json!({"kind": "plain"}),
        };
        let stored = build(json!({"cookie": cookie, "format": "msgpack",
            "fields": {"subject": "user_id", "roles": "roles"}}));
        let cookie = vectors::text(vector, "/cookie");
        let key = vectors::text(vector, "/redis_key");
        assert_eq!(id(&stored, cookie).as_deref(), Ok(key.strip_prefix("session:").unwrap()));
        if signed {
            vectors::assert_nothing_else_passes(cookie, Some('.'), |text| id(&stored, text));
        }
        let data = vectors::text(vector, "/redis_value_b64");
        let data =
            base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data).unwrap();
        let who = decide(&stored, &data, Some(NOW.secs() + 60), NOW).unwrap();
        assert_eq!((who.subject.as_str(), &*who.roles), ("42", &["dev".to_owned()][..]));
    }
}

#[test]
fn a_cookie_of_laravel_names_its_session() {
    let file = vectors::read(LARAVEL);
    for vector in file["vectors"].as_array().unwrap() {
        let stored = build(json!({"format": "laravel", "cookie": {"kind": "laravel",
            "app_key": [file["app_key"]], "cipher": vector["cipher"], "name": "laravel_session"}}));
        let cookie = vectors::text(vector, "/cookie_in_header");
        assert_eq!(id(&stored, cookie).as_deref(), Ok(vectors::text(vector, "/session_id")));
        vectors::assert_nothing_else_passes(cookie, None, |text| id(&stored, text));
        let login = vectors::text(&file, "/login_key");
        let inner = format!("a:2:{{s:6:\"_token\";s:1:\"x\";s:{}:\"{login}\";i:7;}}", login.len());
        let data = format!("s:{}:\"{inner}\";", inner.len());
        let who = decide(&stored, data.as_bytes(), None, NOW).unwrap();
        assert_eq!(who.subject.as_str(), "7");
    }
}

#[test]
fn a_token_of_better_auth_names_a_row() {
    let file = vectors::read(BETTER_AUTH);
    let stored = build(json!({"format": "columns", "fields": {"subject": "userId"},
        "cookie": {"kind": "better_auth", "secrets": [file["secret"]]}}));
    let cookie = vectors::text(&file, "/cookie_raw");
    assert_eq!(id(&stored, cookie).as_deref(), Ok(vectors::text(&file, "/token")));
    let columns = file["session_row"].as_object().unwrap().clone();
    let found = Found { columns, ..Found::default() };
    let who = stored.verdict(stored.session(found, NOW).unwrap(), None, NOW).unwrap();
    assert_eq!(who.subject.as_str(), vectors::text(&file, "/user_row/id"));
}

fn django(file: &Value, format: &str, more: &Value) -> Stored {
    let mut table = json!({"format": format, "django": {"secret_key": file["secret_key"]},
        "fields": {"roles": "groups"}});
    for (key, value) in more.as_object().unwrap() {
        table["django"][key] = value.clone();
    }
    build(table)
}

#[test]
fn a_row_of_django_is_read() {
    let file = vectors::read(DJANGO);
    let stored = django(&file, "django", &json!({}));
    assert!(id(&stored, vectors::text(&file, "/db/cookie")).is_ok());
    let data = vectors::text(&file, "/db/session_data");
    let end = 1_796_488_136;
    let who = decide(&stored, data.as_bytes(), Some(end), NOW).unwrap();
    assert_eq!((who.subject.as_str(), &*who.roles), ("1", &["dev".to_owned()][..]));
    assert_eq!(who.expires_at, Some(Timestamp::from_secs(end)));
    let over = decide(&stored, data.as_bytes(), Some(end), Timestamp::from_secs(end));
    assert_eq!(over, Err(ValidateError::Rejected("it has expired")));
    // What stands in the store is not the client's fault, whatever is wrong with it.
    for at in 0..data.len() {
        let mut changed = data.as_bytes().to_vec();
        changed[at] ^= 1;
        assert!(is_upstream(decide(&stored, &changed, Some(end), NOW)), "{at}");
    }
    let of_cookies = vectors::text(&file, "/signed_cookies/vectors/0/cookie");
    assert!(is_upstream(decide(&stored, of_cookies.as_bytes(), Some(end), NOW)));
    let salted = django(
        &file,
        "django",
        &json!({"salt": "django.contrib.sessions.backends.signed_cookies"}),
    );
    assert!(decide(&salted, of_cookies.as_bytes(), Some(end), NOW).is_ok());
    let other = django(&file, "django", &json!({"authentication_backends": ["sso.Backend"]}));
    assert!(matches!(
        decide(&other, data.as_bytes(), Some(end), NOW),
        Err(ValidateError::Rejected(_))
    ));
}

#[test]
fn a_session_in_djangos_cache_is_read() {
    let file = vectors::read(DJANGO);
    let stored = django(&file, "pickle", &json!({}));
    let data = vectors::text(&file, "/cache_redis/redis_value_b64");
    let data = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data).unwrap();
    let who = decide(&stored, &data, Some(NOW.secs() + 60), NOW).unwrap();
    assert_eq!((who.subject.as_str(), &*who.roles), ("1", &["dev".to_owned()][..]));
}

#[test]
fn a_changed_password_ends_djangos_log_in() {
    let file = vectors::read(DJANGO);
    let data = vectors::text(&file, "/db/session_data").as_bytes().to_vec();
    let with = |stored: &Stored, password: &str| {
        let found =
            Found { data: Some(data.clone()), end: Some(Timestamp::MAX), ..Found::default() };
        let session = stored.session(found, NOW).unwrap();
        assert_eq!(session.django_user(), Ok("1"));
        let columns = json!({"is_staff": true}).as_object().unwrap().clone();
        let password = SecretString::new(password);
        stored.verdict(session, Some(UserRow { password, columns }), NOW)
    };
    let password = vectors::text(&file, "/user/password_field");
    let changed = ValidateError::Rejected("password has changed since the log-in");
    let stored = django(&file, "django", &json!({}));
    assert_eq!(with(&stored, password).unwrap().subject.as_str(), "1");
    assert_eq!(with(&stored, &format!("{password}x")), Err(changed.clone()));
    // The secret of the log-in may have become a fallback meanwhile.
    let rotated = json!({"secret_key": "a newer secret than that", "secret_key_fallbacks": [file["secret_key"]]});
    assert!(with(&django(&file, "django", &rotated), password).is_ok());
    let salted = json!({"session_auth_hash_salt": "another"});
    assert_eq!(with(&django(&file, "django", &salted), password), Err(changed));
}

/// `session_data` as Django signs it, at the time of "1xUnxQ".
fn django_row(file: &Value, session: &Value) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let signed = format!("{}:1xUnxQ", URL_SAFE_NO_PAD.encode(session.to_string()));
    let secret = vectors::text(file, "/secret_key").as_bytes();
    let key = crate::sso::django::salted_key("django.contrib.sessions.SessionStoresigner", secret);
    let mac = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
    format!("{signed}:{}", URL_SAFE_NO_PAD.encode(mac))
}

#[test]
fn a_django_session_that_asks_for_a_sooner_end_has_it() {
    let file = vectors::read(DJANGO);
    let stored = django(&file, "django", &json!({"authentication_backends": ["b"]}));
    let end = |expiry: Value| {
        let session = json!({"_auth_user_id": "1", "_auth_user_backend": "b",
            "_auth_user_hash": "x", "_session_expiry": expiry});
        let row = django_row(&file, &session);
        let signed_at = Timestamp::from_secs(1_795_278_536);
        let who = decide(&stored, row.as_bytes(), Some(1_795_379_000), signed_at);
        who.map(|who| who.expires_at.unwrap().secs())
    };
    assert_eq!(end(json!(300)), Ok(1_795_278_836));
    assert_eq!(end(json!("2026-11-21T17:00:00+00:00")), Ok(1_795_280_400));
    assert_eq!(end(json!(999_999_999)), Ok(1_795_379_000), "the row's is sooner");
    assert_eq!(end(json!(-1)), Err(ValidateError::Rejected("it has expired")));
}

#[test]
fn a_session_of_django_without_a_log_in_is_nobodys() {
    let file = vectors::read(DJANGO);
    let stored = django(&file, "django", &json!({}));
    let found = Found {
        data: Some(django_row(&file, &json!({"cart": [1]})).into_bytes()),
        ..Found::default()
    };
    let session = stored.session(found, NOW).unwrap();
    let nobody = ValidateError::Rejected("nobody is logged in");
    assert_eq!(session.django_user(), Err(nobody.clone()));
    assert_eq!(stored.verdict(session, None, NOW), Err(nobody));
}

#[test]
fn what_the_store_holds_is_bounded() {
    let stored = build(json!({"format": "json", "max_bytes": 1024, "fields": {"subject": "u"}}));
    let session = |len: usize| json!({"u": 1, "x": "a".repeat(len)}).to_string().into_bytes();
    assert!(decide(&stored, &session(1000), None, NOW).is_ok());
    assert!(is_upstream(decide(&stored, &session(1024), None, NOW)));
    assert!(is_upstream(stored.session(Found::default(), NOW)));
}

#[test]
fn every_problem_is_named_by_its_key() {
    for (table, keys) in [
        (json!({}), vec!["v"]),
        (json!({"format": "yaml"}), vec!["v.format"]),
        (json!({"format": "json"}), vec!["v.fields.subject"]),
        (json!({"format": "json", "fields": {"subject": ""}}), vec!["v.fields.subject"]),
        (json!({"format": "django"}), vec!["v.django"]),
        (json!({"format": "pickle", "max_bytes": 1}), vec!["v.max_bytes"]),
        (json!({"format": "pickle", "django": {}}), vec!["v.django"]),
        (
            json!({"format": "pickle", "django": {"secret_key": "short",
                "authentication_backends": []}}),
            vec!["v.django.authentication_backends", "v.django.secret_key"],
        ),
        (json!({"format": "pickle", "cookie": {}}), vec!["v.cookie.kind"]),
        (json!({"format": "pickle", "cookie": {"kind": "x"}}), vec!["v.cookie.kind"]),
        (json!({"format": "pickle", "cookie": {"kind": "plain", "x": 1}}), vec!["v.cookie.x"]),
        (
            json!({"format": "pickle", "cookie": {"kind": "express", "secrets": []}}),
            vec!["v.cookie.secrets"],
        ),
        (
            json!({"format": "pickle", "cookie": {"kind": "express", "secrets": ["short"]}}),
            vec!["v.cookie.secrets.0"],
        ),
        (
            json!({"format": "laravel", "cookie": {"kind": "laravel", "app_key": ["x"],
                "name": ""}}),
            vec!["v.cookie.name", "v.cookie.app_key"],
        ),
        (
            json!({"format": "pickle", "session_id": {"min_length": 1, "max_length": 0,
                "extra_characters": " "}}),
            vec![
                "v.session_id.min_length",
                "v.session_id.max_length",
                "v.session_id.extra_characters",
            ],
        ),
    ] {
        assert_eq!(try_build(table.clone()).unwrap_err(), keys, "{table}");
    }
}
