//! Properties of the parsers: no input panics, and nothing passes that was not signed.

use proptest::prelude::*;
use serde_json::json;

use super::claims::{ClaimRules, Expected};
use super::jwks;
use super::jws::UnverifiedJws;
use super::keys::{Checked, KeySet};
use super::public_key::PublicKey;
use crate::domain::{SecretString, Timestamp};
use jsonwebtoken::Algorithm;

const ALL: [Algorithm; 4] =
    [Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];

fn keys() -> KeySet {
    let mut keys = KeySet::default();
    let secret = SecretString::new("0123456789abcdef0123456789abcdef");
    keys.add_shared(None, &secret, &[Algorithm::HS256]).unwrap();
    keys
}

proptest! {
    #[test]
    fn no_text_is_verified(text in "(eyJhbGciOiJIUzI1NiJ9\\.)?[A-Za-z0-9_.-]{0,80}") {
        if let Ok(jws) = UnverifiedJws::parse(&text) {
            prop_assert_ne!(keys().verify(&jws), Ok(Checked::Verified));
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        let _ = UnverifiedJws::parse(&text);
    }

    #[test]
    fn no_key_set_panics(
        kty in "RSA|EC|OKP|oct|x", crv in "P-256|P-384|Ed25519|x",
        x in "[A-Za-z0-9_-]{0,70}", y in "[A-Za-z0-9_-]{0,70}", alg in "RS256|ES256|none",
    ) {
        let jwk = json!({"kty": kty, "crv": crv, "x": x, "y": y, "n": x, "e": y, "alg": alg});
        let set = json!({"keys": [jwk]}).to_string();
        let usable = jwks::parse(set.as_bytes(), &ALL).is_ok();
        prop_assert!(!usable || kty == "OKP");
    }

    #[test]
    fn no_pem_panics(body in "[A-Za-z0-9+/=\n]{0,200}", label in "PUBLIC KEY|RSA PUBLIC KEY|X") {
        let pem = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
        let _ = PublicKey::from_pem(pem.as_bytes());
    }

    #[test]
    fn only_a_whole_time_ahead_is_an_end(exp in prop_oneof![
        any::<i64>().prop_map(|n| json!(n)), any::<f64>().prop_map(|n| json!(n)),
        any::<u64>().prop_map(|n| json!(n)), "[0-9]{1,12}".prop_map(|n| json!(n)),
    ]) {
        let rules = ClaimRules {
            issuer: Expected::Unchecked,
            audience: Expected::Unchecked,
            authorized_party: Expected::Unchecked,
            client_id: Expected::Unchecked,
            header_typ: Expected::Unchecked,
            claim_typ: None,
            leeway: std::time::Duration::from_secs(30),
        };
        let now = Timestamp::from_secs(1_700_000_000);
        if let Ok(end) = rules.check(None, &json!({ "exp": exp }), now) {
            prop_assert!(exp.is_i64() || exp.is_u64());
            prop_assert!(end > now && end <= Timestamp::from_secs(253_402_300_799));
        }
    }
}
