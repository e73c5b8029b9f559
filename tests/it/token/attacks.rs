//! What an attacker may present. Every forgery here that is signed is signed with the
//! right key, so that only the check under test stands between it and acceptance.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cambio::domain::SystemRandom;
use cambio::token::{Algorithm, SessionTokens, SiteTokens, TokenError, generate};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{NOW, ada, sample_session, session, site, tenant};

const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const HEADER: &str = r#"{"kid":"259629","alg":"HS256","typ":"JWT"}"#;
const ISSUER: &str = "https://id.example.com";

async fn ags() -> SessionTokens {
    session(json!({"keys": [{"kid": "259629", "secret": SECRET, "sign": true}]})).await
}

async fn answerhub() -> SiteTokens {
    site(json!({"issuer": ISSUER, "keys": [{"secret": SECRET, "sign": true}]})).await
}

fn sign(header: &str, claims: &str, digest: hmac::Algorithm) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let tag = hmac::sign(&hmac::Key::new(digest, SECRET.as_bytes()), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn hs256(header: &str, claims: &str) -> String {
    sign(header, claims, hmac::HMAC_SHA256)
}

/// Claims of a good access token.
fn good() -> Value {
    json!({
        "tenantId": "nagra", "accountId": "1663", "deviceId": "PUB_989", "typ": "DevAuthN",
        "jti": "4789023423714089478", "exp": NOW.secs() + 60, "fixed_exp": NOW.secs() + 60,
    })
}

fn access(tokens: &SessionTokens, token: &str) -> Result<(), TokenError> {
    tokens.verify_access(token, &tenant("nagra"), NOW).map(drop)
}

fn refresh(tokens: &SessionTokens, token: &str) -> Result<(), TokenError> {
    tokens.verify_refresh(token, &tenant("nagra"), NOW).map(drop)
}

#[tokio::test]
async fn only_the_header_that_a_key_writes_is_accepted() {
    let tokens = ags().await;
    let claims = good().to_string();
    assert_eq!(access(&tokens, &hs256(HEADER, &claims)), Ok(()));
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"kid":"259629","alg":"none","typ":"JWT"}"#,
        r#"{"kid":"259629","alg":"HS512","typ":"JWT"}"#,
        r#"{"kid":"259629","alg":"RS256","typ":"JWT"}"#,
        r#"{"kid":"259630","alg":"HS256","typ":"JWT"}"#,
        r#"{"kid":"../../dev/null","alg":"HS256","typ":"JWT"}"#,
        r#"{"kid":"' OR 1=1 --","alg":"HS256","typ":"JWT"}"#,
        r#"{"kid":259629,"alg":"HS256","typ":"JWT"}"#,
        r#"{"kid":"259629","alg":"HS256","typ":"JWT","jku":"https://evil.example/jwks"}"#,
        r#"{"kid":"259629","alg":"HS256","typ":"JWT","x5u":"https://evil.example/x"}"#,
        r#"{"kid":"259629","alg":"HS256","typ":"JWT","jwk":{"kty":"oct","k":"AA"}}"#,
        r#"{"kid":"259629","alg":"HS256","typ":"JWT","crit":["exp"]}"#,
        r#"{"kid":"259629","alg":"HS256","typ":"at+jwt"}"#,
        r#"{"alg":"HS256","kid":"259629","typ":"JWT"}"#,
        r#"{"kid":"259629","alg":"HS256","typ":"JWT","alg":"none"}"#,
        r#"{"alg":"HS256"}"#,
        "{}",
    ] {
        let forged = hs256(header, &claims);
        assert_eq!(access(&tokens, &forged), Err(TokenError::UnknownKey), "{header}");
    }
}

#[tokio::test]
async fn an_unsigned_token_is_refused() {
    let tokens = ags().await;
    let signed = hs256(HEADER, &good().to_string());
    let unsigned = &signed[..=signed.rfind('.').unwrap()];
    assert_eq!(access(&tokens, unsigned), Err(TokenError::BadSignature));
}

#[tokio::test]
async fn times_that_are_no_plain_integers_are_refused() {
    let tokens = ags().await;
    for claim in ["exp", "fixed_exp"] {
        for bad in [
            "1654873593.0",
            "1.6e9",
            "\"1654873593\"",
            "-1",
            "253402300800",
            "1e400",
            "null",
            "[]",
            "true",
            "99999999999999999999999",
            "9223372036854775807",
            "01654873593",
            "NaN",
        ] {
            let mut claims = good();
            claims[claim] = json!("@");
            let text = claims.to_string().replace("\"@\"", bad);
            let result = access(&tokens, &hs256(HEADER, &text));
            assert!(matches!(result, Err(TokenError::Claims(_))), "{claim} {bad}: {result:?}");
        }
    }
}

#[tokio::test]
async fn missing_doubled_and_mistyped_claims_are_refused() {
    let tokens = ags().await;
    let names: Vec<String> = good().as_object().unwrap().keys().cloned().collect();
    for name in &names {
        let mut missing = good();
        missing.as_object_mut().unwrap().remove(name);
        assert!(access(&tokens, &hs256(HEADER, &missing.to_string())).is_err(), "{name} missing");

        let text = good().to_string();
        let doubled = format!("{{\"{name}\":{},{}", good()[name], &text[1..]);
        assert!(access(&tokens, &hs256(HEADER, &doubled)).is_err(), "{name} doubled");

        let mut mistyped = good();
        mistyped[name] = json!({"a": []});
        assert!(access(&tokens, &hs256(HEADER, &mistyped.to_string())).is_err(), "{name} mistyped");
    }
    for text in ["", "null", "[]", "\"x\"", "{", &"[".repeat(3000)] {
        assert!(access(&tokens, &hs256(HEADER, text)).is_err(), "{text}");
    }
    assert!(access(&tokens, &hs256(HEADER, &format!("{}x", good()))).is_err());
}

#[tokio::test]
async fn a_session_name_that_cambio_does_not_write_is_refused() {
    let tokens = ags().await;
    for jti in ["", "0", "1048576", "-1", "007", "9223372036854775808", "1 ", "x", "1.5"] {
        let mut claims = good();
        claims["jti"] = json!(jti);
        let result = access(&tokens, &hs256(HEADER, &claims.to_string()));
        assert!(matches!(result, Err(TokenError::Claims(_))), "{jti}");
    }
}

#[tokio::test]
async fn each_kind_of_token_is_good_for_its_own_purpose_only() {
    let standard = json!({"profile": "standard", "issuer": ISSUER});
    for tokens in [ags().await, session(standard).await] {
        let pair = tokens.mint_pair(&sample_session(), NOW);
        assert_eq!(access(&tokens, &pair.access_token), Ok(()));
        assert_eq!(refresh(&tokens, &pair.refresh_token), Ok(()));
        assert_eq!(access(&tokens, &pair.refresh_token), Err(TokenError::WrongType));
        assert_eq!(refresh(&tokens, &pair.access_token), Err(TokenError::WrongType));
    }
    let tokens = ags().await;
    for typ in ["", "devauthn", "GetSessionTokenAuthN", "JWT"] {
        let mut claims = good();
        claims["typ"] = json!(typ);
        let forged = hs256(HEADER, &claims.to_string());
        assert_eq!(access(&tokens, &forged), Err(TokenError::WrongType), "{typ}");
        assert_eq!(refresh(&tokens, &forged), Err(TokenError::WrongType), "{typ}");
    }
}

#[tokio::test]
async fn a_token_of_another_tenant_is_refused_even_under_a_shared_key() {
    let key = generate(Algorithm::ES256, &SystemRandom).unwrap();
    let keys = json!([{"pem": key.private.expose(), "sign": true}]);
    let standard = json!({"profile": "standard", "issuer": ISSUER, "keys": keys});
    for tokens in [ags().await, session(standard.clone()).await] {
        let pair = tokens.mint_pair(&sample_session(), NOW);
        let other = tenant("other");
        let result = tokens.verify_access(&pair.access_token, &other, NOW);
        assert_eq!(result, Err(TokenError::WrongTenant));
        let result = tokens.verify_refresh(&pair.refresh_token, &other, NOW);
        assert_eq!(result.err(), Some(TokenError::WrongTenant));
    }
}

#[tokio::test]
async fn the_two_endpoints_do_not_take_each_others_tokens_even_under_a_shared_key() {
    let key = generate(Algorithm::ES256, &SystemRandom).unwrap();
    let keys = json!([{"pem": key.private.expose(), "sign": true}]);
    let standard = json!({"profile": "standard", "issuer": ISSUER, "keys": keys});
    let (site, session) = (site(standard.clone()).await, session(standard).await);
    let token = site.mint(&ada(), NOW, &SystemRandom).unwrap().token;
    assert!(matches!(access(&session, &token), Err(TokenError::Claims(_))));
    let mut elsewhere = sample_session();
    elsewhere.tenant = tenant("community");
    let pair = session.mint_pair(&elsewhere, NOW);
    assert!(matches!(site.verify(&pair.access_token, NOW), Err(TokenError::Claims(_))));
    assert!(site.verify(&pair.refresh_token, NOW).is_err());
}

#[tokio::test]
async fn a_site_token_of_another_issuer_audience_or_shape_is_refused() {
    let tokens = answerhub().await;
    let good = json!({
        "sub": "ada", "user": "YQ==", "iat": NOW.secs(), "iss": ISSUER, "aud": ISSUER, "jti": "x",
        "exp": NOW.secs() + 60, "roles": [],
    });
    let verify = |claims: &Value| {
        let token = sign(r#"{"alg":"HS512"}"#, &claims.to_string(), hmac::HMAC_SHA512);
        tokens.verify(&token, NOW).map(drop)
    };
    assert_eq!(verify(&good), Ok(()));
    for (claim, bad) in [
        ("iss", json!("https://evil.example")),
        ("aud", json!("https://evil.example")),
        ("aud", json!([ISSUER])),
        ("sub", json!("")),
        ("sub", json!("a\u{0}b")),
        ("user", json!("*")),
        ("user", json!("/w==")),
        ("exp", json!(1.5)),
        ("roles", json!("USE_API")),
        ("roles", json!([1])),
    ] {
        let mut claims = good.clone();
        claims[claim] = bad;
        assert!(matches!(verify(&claims), Err(TokenError::Claims(_))), "{claims}");
    }
    let hs256 = sign(r#"{"alg":"HS256"}"#, &good.to_string(), hmac::HMAC_SHA256);
    assert_eq!(tokens.verify(&hs256, NOW).err(), Some(TokenError::UnknownKey));
}

#[tokio::test]
async fn texts_that_are_no_tokens_are_malformed() {
    let tokens = ags().await;
    let good = hs256(HEADER, &good().to_string());
    let (message, signature) = good.rsplit_once('.').unwrap();
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "a.b".to_owned(),
        "a..b".to_owned(),
        format!("{good}."),
        format!("{good}.x"),
        format!(".{good}"),
        format!("{good}="),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{message}.{signature}="),
        format!("{message}.{}", "é".repeat(20)),
        format!("{message}.{}", "A".repeat(2000)),
        "x".repeat(8193),
        format!("{message}{}.{signature}", "A".repeat(8192)),
    ] {
        let result = access(&tokens, &bad);
        assert!(matches!(result, Err(TokenError::Malformed | TokenError::UnknownKey)), "{bad}");
    }
    for len in 0..good.len() {
        assert!(access(&tokens, &good[..len]).is_err(), "truncated to {len}");
    }
}

fn flip(token: &str, at: usize, bit: u32) -> Vec<u8> {
    let mut bytes = token.as_bytes().to_vec();
    let at = at % bytes.len();
    bytes[at] ^= 1 << bit;
    bytes
}

proptest! {
    #[test]
    fn a_changed_bit_anywhere_is_noticed(at: usize, bit in 0u32..7, which in 0usize..4) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let tokens = runtime.block_on(async {
            match which {
                0 | 1 => ags().await,
                _ => session(json!({"profile": "standard", "issuer": ISSUER})).await,
            }
        });
        let pair = tokens.mint_pair(&sample_session(), NOW);
        let bytes = match which % 2 {
            0 => flip(&pair.access_token, at, bit),
            _ => flip(&pair.refresh_token, at, bit),
        };
        if let Ok(token) = String::from_utf8(bytes) {
            prop_assert!(access(&tokens, &token).is_err());
            prop_assert!(refresh(&tokens, &token).is_err());
        }
    }

    #[test]
    fn no_text_panics_or_passes(text in "\\PC{0,200}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (ags, site) = runtime.block_on(async { (ags().await, answerhub().await) });
        prop_assert!(access(&ags, &text).is_err());
        prop_assert!(site.verify(&text, NOW).is_err());
    }
}
