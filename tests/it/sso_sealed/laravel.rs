//! `laravel`: a cookie that the application fills, and why its session cookie is none. What
//! Laravel's own encrypter made is opened in the unit tests.

use std::sync::{Arc, LazyLock};

use cambio::domain::Timestamp;
use cambio::sso::{SsoValidator, ValidateError};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::mint::laravel;
use super::{MINTED, decide, refuses_every_changed_bit, refuses_every_other_length, text, vectors};
use crate::sso_fixtures::{problem_paths, validator};

const KEY: &[u8; 32] = b"kkkkkkkkkkkkkkkk0123456789abcdef";
const APP_KEY: &str = "base64:a2tra2tra2tra2tra2trazAxMjM0NTY3ODlhYmNkZWY=";

fn table(cookie: &str) -> Value {
    json!({"kind": "laravel", "app_key": [APP_KEY], "cookie": cookie,
        "fields": {"subject": "sub", "expires_at": "exp"}})
}

fn content(exp: i64) -> String {
    json!({"sub": "ann", "exp": exp}).to_string()
}

#[test]
fn a_cookie_that_the_application_filled_is_read() {
    let value = laravel(KEY, "sso", &content(MINTED.secs() + 1));
    let who = decide(&SHARED, &value, MINTED).unwrap();
    assert_eq!(who.subject.as_str(), "ann");
    assert_eq!(who.expires_at, Some(Timestamp::from_secs(MINTED.secs() + 1)));
    refuses_every_changed_bit(&SHARED, &value, MINTED);
    refuses_every_other_length(&SHARED, &value, MINTED);
}

#[test]
fn it_ends_when_its_content_says() {
    let verdict = decide(&SHARED, &laravel(KEY, "sso", &content(MINTED.secs())), MINTED);
    assert_eq!(verdict, Err(ValidateError::Rejected("it has expired")));
    let endless = laravel(KEY, "sso", r#"{"sub":"ann"}"#);
    let verdict = decide(&SHARED, &endless, MINTED);
    assert_eq!(verdict, Err(ValidateError::Rejected("expires_at is no time")));
}

#[test]
fn another_key_and_another_name_are_rejected() {
    let good = content(MINTED.secs() + 1);
    let verdict = decide(&SHARED, &laravel(&[1; 32], "sso", &good), MINTED);
    assert_eq!(verdict, Err(ValidateError::Rejected("no key opens it")));
    let verdict = decide(&SHARED, &laravel(KEY, "XSRF-TOKEN", &good), MINTED);
    assert_eq!(verdict, Err(ValidateError::Rejected("it was made for another cookie")));
}

#[test]
fn laravels_session_cookie_proves_nobody() {
    let file = vectors("laravel");
    for vector in file["vectors"].as_array().unwrap() {
        let mut table = table(text(vector, "cookie_name"));
        table["cipher"] = vector["cipher"].clone();
        let verdict = decide(&validator(table), text(vector, "cookie_in_header"), MINTED);
        let want = ValidateError::Rejected("it names a session, which proves nobody");
        assert_eq!(verdict, Err(want));
    }
}

#[test]
fn a_wrong_table_is_told() {
    let endless = json!({"kind": "laravel", "app_key": ["secret"], "cookie": "",
        "cipher": "AES-256-CBC", "fields": {"subject": "sub"}});
    assert_eq!(problem_paths(endless), ["v.app_key", "v.cookie", "v.fields.expires_at"]);
    let mut weak = table("sso");
    weak["cipher"] = json!("AES-128-CBC");
    assert_eq!(problem_paths(weak), ["v.cipher"]);
}

static SHARED: LazyLock<Arc<dyn SsoValidator>> = LazyLock::new(|| validator(table("sso")));

proptest! {
    #[test]
    fn no_text_passes_or_panics(text in "eyJpdiI6[A-Za-z0-9+/%=]{0,200}|\\PC{0,80}") {
        prop_assert!(decide(&SHARED, &text, MINTED).is_err());
    }

    #[test]
    fn what_is_sealed_is_what_is_read(user in "[a-z@.é]{1,40}", life in 1_i64..1_000_000) {
        let content = json!({"sub": user, "exp": MINTED.secs() + life}).to_string();
        let who = decide(&SHARED, &laravel(KEY, "sso", &content), MINTED).unwrap();
        prop_assert_eq!(who.subject.as_str(), user);
    }
}
