//! The opener against cookies that Laravel's own encrypter made. What the kind makes of a
//! content is in the integration tests.

use proptest::prelude::*;

use super::*;
use crate::domain::SecretString;

const VECTORS: &str = include_str!("../../../tests/data/vectors/laravel.json");

/// Every vector with the opener that it needs.
fn vectors() -> Vec<(Value, Opener)> {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let opener = |vector: &Value| {
        let cipher = serde_json::from_value(vector["cipher"].clone()).unwrap();
        opener(
            &[file["app_key"].as_str().unwrap()],
            cipher,
            vector["cookie_name"].as_str().unwrap(),
        )
    };
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 2);
    vectors.iter().map(|vector| (vector.clone(), opener(vector))).collect()
}

fn opener(keys: &[&str], cipher: Cipher, cookie: &str) -> Opener {
    let keys: Vec<_> = keys.iter().map(|key| SecretString::new(*key)).collect();
    Opener::new(&keys, cipher, cookie).unwrap()
}

fn text<'v>(vector: &'v Value, member: &str) -> &'v str {
    vector[member].as_str().unwrap()
}

#[test]
fn every_vector_opens_to_its_session_id() {
    for (vector, opener) in vectors() {
        for member in ["cookie", "cookie_in_header"] {
            let content = opener.open(text(&vector, member)).unwrap();
            assert_eq!(content.as_str(), text(&vector, "session_id"));
            assert!(is_session_id(&content));
        }
    }
}

#[test]
fn every_live_key_opens_and_no_other() {
    let ours = "base64:a2tra2tra2tra2tra2trazAxMjM0NTY3ODlhYmNkZWY=";
    let newer = "base64:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (vector, _) in vectors() {
        let cipher = serde_json::from_value(vector["cipher"].clone()).unwrap();
        let open = |keys: &[&str]| {
            opener(keys, cipher, "laravel_session").open(text(&vector, "cookie")).map(|_| ())
        };
        assert_eq!(open(&[newer, ours]), Ok(()));
        assert_eq!(open(&[newer]), Err(ValidateError::Rejected("no key opens it")));
    }
}

#[test]
fn a_cookie_of_another_name_is_rejected() {
    let (vector, _) = vectors().remove(0);
    let ours = "base64:a2tra2tra2tra2tra2trazAxMjM0NTY3ODlhYmNkZWY=";
    let verdict = opener(&[ours], Cipher::Cbc, "sso").open(text(&vector, "cookie")).map(|_| ());
    assert_eq!(verdict, Err(ValidateError::Rejected("it was made for another cookie")));
}

#[test]
fn a_one_bit_change_anywhere_is_refused() {
    for (vector, opener) in vectors() {
        for member in ["cookie", "cookie_in_header"] {
            let cookie = text(&vector, member).as_bytes();
            for (at, bit) in (0..cookie.len()).flat_map(|at| (0..7).map(move |bit| (at, bit))) {
                let mut bytes = cookie.to_vec();
                bytes[at] ^= 1 << bit;
                let changed = String::from_utf8(bytes).unwrap();
                assert!(opener.open(&changed).is_err(), "byte {at}, bit {bit}: {changed}");
            }
        }
    }
}

#[test]
fn keys_are_written_as_laravel_writes_them() {
    for key in ["", "kkkkkkkkkkkkkkkkkkkkkk0123456789abcdef", "base64:", "base64:AAAA"] {
        assert!(Opener::new(&[SecretString::new(key)], Cipher::Cbc, "sso").is_err(), "{key}");
    }
}

proptest! {
    #[test]
    fn no_envelope_opens_or_panics(
        iv in "[A-Za-z0-9+/]{22}==|[A-Za-z0-9+/]{16}", value in "([A-Za-z0-9+/]{4}){0,20}",
        mac in "([0-9a-f]{64})?", tag in "([A-Za-z0-9+/]{22}==)?",
    ) {
        let json = serde_json::json!({"iv": iv, "value": value, "mac": mac, "tag": tag});
        let cookie = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD, json.to_string());
        for (_, opener) in vectors() {
            prop_assert!(opener.open(&cookie).is_err());
        }
    }

    #[test]
    fn no_text_opens_or_panics(text in "\\PC{0,80}") {
        for (_, opener) in vectors() {
            prop_assert!(opener.open(&text).is_err());
        }
    }
}
