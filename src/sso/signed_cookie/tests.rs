//! The format's vector, its refusals, and what no input may do.

use proptest::prelude::*;

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: Timestamp = Timestamp::from_secs(1_000);

fn validator(secrets: &[&str]) -> SignedCookie {
    SignedCookie { keys: secrets.iter().map(|s| key(&SecretString::new(*s))).collect() }
}

fn payload() -> Payload {
    Payload {
        sub: Subject::parse("zoë").unwrap(),
        uid: Some("u-1".to_owned()),
        roles: vec!["USE_API".to_owned()],
        accounts: vec![],
        exp: Timestamp::from_secs(1_001),
        sid: None,
        attrs: Attributes::new(),
    }
}

fn sign_raw(payload: &[u8]) -> String {
    let signed = format!("v1.{}", URL_SAFE_NO_PAD.encode(payload));
    let mac = hmac::sign(&key(&SecretString::new(SECRET)), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
}

#[test]
fn the_documented_format_is_what_is_issued_and_accepted() {
    // printf '%s' "$p" | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
    let value = issue(&SecretString::new(SECRET), &payload());
    assert_eq!(value, VECTOR);
    let who = validator(&[SECRET]).decide(&value, NOW).unwrap();
    assert_eq!(who.subject.as_str(), "zoë");
    assert_eq!(who.user_id.as_deref(), Some("u-1"));
    assert_eq!(who.roles, ["USE_API"]);
    assert_eq!(who.expires_at, Some(Timestamp::from_secs(1_001)));
}

const VECTOR: &str = "v1.eyJzdWIiOiJ6b8OrIiwidWlkIjoidS0xIiwicm9sZXMiOlsiVVNFX0FQSSJdLCJleHAiOjEwMDF9.h8HHEeXUokxdzDP8YkueJx1IzO2Y3jr-yiT1Fv7VjE8";

#[test]
fn every_live_secret_verifies_and_no_other() {
    let old = "ffffffffffffffffffffffffffffffff";
    let value = issue(&SecretString::new(old), &payload());
    assert!(validator(&[SECRET, old]).decide(&value, NOW).is_ok());
    assert!(matches!(validator(&[SECRET]).decide(&value, NOW), Err(ValidateError::Rejected(_))));
}

#[test]
fn it_ends_at_exp() {
    let value = issue(&SecretString::new(SECRET), &payload());
    let v = validator(&[SECRET]);
    assert!(v.decide(&value, Timestamp::from_secs(1_000)).is_ok());
    assert_eq!(
        v.decide(&value, Timestamp::from_secs(1_001)),
        Err(ValidateError::Rejected("it has expired"))
    );
}

#[test]
fn what_cannot_be_decoded_is_malformed() {
    let good = issue(&SecretString::new(SECRET), &payload());
    let bad = [
        "v1".to_owned(),
        "v1.".to_owned(),
        "v1..".to_owned(),
        good.replacen("v1.", "v2.", 1),
        good.replacen('.', "%2E", 1),
        format!("{good}="),
        format!("{good}."),
        sign_raw(b"not json"),
        sign_raw(br#"{"sub":"a"}"#),
        sign_raw(br#"{"sub":"a","exp":1e9}"#),
        sign_raw(br#"{"sub":"a","exp":"2000"}"#),
        sign_raw(br#"{"sub":"a","exp":99999999999999999999}"#),
        sign_raw(br#"{"sub":"a","exp":2000,"admin":true}"#),
        sign_raw(br#"{"sub":"a","exp":2000,"exp":3000}"#),
        sign_raw(br#"{"sub":"","exp":2000}"#),
    ];
    for value in bad {
        let verdict = validator(&[SECRET]).decide(&value, NOW);
        assert!(matches!(verdict, Err(ValidateError::Malformed(_))), "{value}: {verdict:?}");
    }
}

#[test]
fn a_mac_of_any_other_text_is_rejected() {
    let good = issue(&SecretString::new(SECRET), &payload());
    let last_bits = format!("{}_", &good[..good.len() - 1]);
    for value in [&good[..good.len() - 1], &last_bits, &format!("{good}A"), "v1.e30.AA"] {
        let verdict = validator(&[SECRET]).decide(value, NOW);
        assert!(matches!(verdict, Err(ValidateError::Rejected(_))), "{value}: {verdict:?}");
    }
}

proptest! {
    #[test]
    fn no_text_passes_or_panics(text in "(v1\\.)?\\PC{0,80}(\\.[A-Za-z0-9_-]{43})?") {
        prop_assert!(validator(&[SECRET]).decide(&text, NOW).is_err());
    }

    #[test]
    fn one_changed_bit_is_refused(at in any::<prop::sample::Index>(), bit in 0_u8..7) {
        let mut bytes = issue(&SecretString::new(SECRET), &payload()).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let text = String::from_utf8(bytes).unwrap();
        prop_assert!(validator(&[SECRET]).decide(&text, NOW).is_err());
    }

    #[test]
    fn what_is_issued_is_what_is_read(
        sub in "[a-z@.é]{1,40}", roles in prop::collection::vec("[A-Z_]{1,10}", 0..4), life in 1_i64..1_000_000,
    ) {
        let exp = Timestamp::from_secs(NOW.secs() + life);
        let payload = Payload { sub: Subject::parse(&sub).unwrap(), roles, exp, ..payload() };
        let who = validator(&[SECRET]).decide(&issue(&SecretString::new(SECRET), &payload), NOW).unwrap();
        prop_assert_eq!(who.subject, payload.sub);
        prop_assert_eq!(who.roles, payload.roles);
        prop_assert_eq!(who.expires_at, Some(exp));
    }
}
