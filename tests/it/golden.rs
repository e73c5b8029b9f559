//! The vendors' own samples: what Cambio mints from the same facts has the same bytes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cambio::domain::{SystemRandom, Timestamp};
use serde_json::{Value, json};

use crate::token::{NOW, ada, sample_session, session, site, tenant};

const SAMPLE: &str = include_str!("../data/ags_sign_on_response.json");

fn sample() -> Value {
    serde_json::from_str(SAMPLE).unwrap()
}

fn segments(token: &str) -> (String, String) {
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let mut next = || parts.next().unwrap();
    (String::from_utf8(next()).unwrap(), String::from_utf8(next()).unwrap())
}

fn vendor_key() -> Value {
    json!({"keys": [{"kid": "259629", "secret": "0123456789abcdef0123456789abcdef", "sign": true}]})
}

#[tokio::test]
async fn ags_pair_is_byte_for_byte_the_sample_up_to_the_signature() {
    let pair = session(vendor_key()).await.mint_pair(&sample_session(), NOW);
    let sample = sample();
    for (minted, member) in
        [(&pair.access_token, "access_token"), (&pair.refresh_token, "refresh_token")]
    {
        let vendor = sample[member].as_str().unwrap();
        assert_eq!(segments(minted), segments(vendor), "{member}");
        assert_eq!(minted.rsplit_once('.').unwrap().0, vendor.rsplit_once('.').unwrap().0);
    }
}

#[tokio::test]
async fn ags_lifetimes_are_the_samples() {
    let pair = session(vendor_key()).await.mint_pair(&sample_session(), NOW);
    let sample = sample();
    assert_eq!(sample["expires_in"], pair.expires_in);
    assert_eq!(sample["refresh_expires_in"], pair.refresh_expires_in);
    assert_eq!(sample["fixed_refresh_expires_in"], pair.fixed_refresh_expires_in);
}

#[tokio::test]
async fn ags_sample_refresh_claims_name_the_session_they_were_minted_from() {
    let tokens = session(vendor_key()).await;
    let pair = tokens.mint_pair(&sample_session(), NOW);
    let presented = tokens.verify_refresh(&pair.refresh_token, &tenant("nagra"), NOW).unwrap();
    assert_eq!(presented.id, sample_session().id);
    assert_eq!(presented.generation, sample_session().generation);
    assert_eq!(presented.account.as_str(), "1663");
    assert_eq!(presented.device.as_str(), "PUB_989");
}

#[tokio::test]
async fn answerhub_token_has_the_vendors_header_claims_and_order() {
    let tokens = site(json!({"issuer": "https://community.example.com"})).await;
    let minted = tokens.mint(&ada(), NOW, &SystemRandom).unwrap();
    let (header, payload) = segments(&minted.token);
    assert_eq!(header, r#"{"alg":"HS512"}"#);
    let claims: serde_json::Map<String, Value> = serde_json::from_str(&payload).unwrap();
    let names: Vec<_> = claims.keys().map(String::as_str).collect();
    assert_eq!(names, ["sub", "user", "iat", "iss", "aud", "jti", "exp", "roles"]);
    assert_eq!(claims["sub"], "ada");
    assert_eq!(claims["user"], "M2YyYjhjMWUtNmE1Ny00YTRlLTlkMGItMGY0YzlmMWYyYTEx");
    assert_eq!(claims["iss"], "https://community.example.com");
    assert_eq!(claims["aud"], claims["iss"]);
    assert_eq!(claims["exp"].as_i64().unwrap(), claims["iat"].as_i64().unwrap() + 21_600);
    assert_eq!(claims["iat"], NOW.secs());
    assert_eq!(claims["roles"], json!(["USE_API"]));
    assert_eq!(claims["jti"].as_str().unwrap().len(), 36);
    assert_eq!(minted.expires_in, 21_600);
}

#[tokio::test]
async fn a_replayed_pair_is_the_same_text_and_says_a_little_less_time() {
    let tokens = session(vendor_key()).await;
    let first = tokens.mint_pair(&sample_session(), NOW);
    let later = tokens.mint_pair(&sample_session(), Timestamp::from_secs(NOW.secs() + 5));
    assert_eq!(first.access_token, later.access_token);
    assert_eq!(first.refresh_token, later.refresh_token);
    assert_eq!(later.expires_in, 3595);
    assert_eq!(later.refresh_expires_in, 172_795);
    assert_eq!(later.fixed_refresh_expires_in, 2_591_995);
}
