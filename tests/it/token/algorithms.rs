//! An independent library accepts what Cambio mints, with every algorithm, by the
//! published keys alone where there are any.

use cambio::domain::SystemRandom;
use cambio::token::{Algorithm, generate, merged_jwks};
use jsonwebtoken::jwk::{Jwk, JwkSet, ThumbprintHash};
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::{Value, json};

use super::{NOW, ada, sample_session, session, site, tenant};

const ISSUER: &str = "https://id.example.com";

fn validation(alg: jsonwebtoken::Algorithm) -> Validation {
    let mut validation = Validation::new(alg);
    validation.validate_exp = false;
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[ISSUER]);
    validation
}

fn decode(token: &str, jwks: &JwkSet, typ: &str) -> Value {
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some(typ));
    let jwk = jwks.find(header.kid.as_deref().unwrap()).unwrap();
    let key = DecodingKey::from_jwk(jwk).unwrap();
    jsonwebtoken::decode::<Value>(token, &key, &validation(header.alg)).unwrap().claims
}

fn published(value: Value) -> JwkSet {
    for jwk in value["keys"].as_array().unwrap() {
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(jwk.get(private).is_none(), "{private} is published");
        }
    }
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn standard_tokens_verify_with_the_published_keys_alone() {
    for alg in ["ES256", "ES384", "EdDSA", "RS256", "PS256"] {
        let settings = json!({"profile": "standard", "algorithm": alg, "issuer": ISSUER});
        let site = site(settings.clone()).await;
        let session = session(settings).await;
        let jwks = published(merged_jwks(Some(&site), Some(&session)));
        assert_eq!(jwks.keys.len(), 2, "{alg}");

        let token = site.mint(&ada(), NOW, &SystemRandom).unwrap().token;
        let claims = decode(&token, &jwks, "at+jwt");
        assert_eq!(claims["sub"], "ada");
        assert_eq!(claims["tid"], "community");
        assert_eq!(claims["roles"], json!(["USE_API"]));
        assert_eq!(site.verify(&token, NOW).unwrap().subject.as_str(), "ada");

        let pair = session.mint_pair(&sample_session(), NOW);
        let access = decode(&pair.access_token, &jwks, "at+jwt");
        assert_eq!(access["client_id"], "PUB_989");
        assert_eq!(access["auth_time"], NOW.secs());
        decode(&pair.refresh_token, &jwks, "rt+jwt");
        let nagra = tenant("nagra");
        let verified = session.verify_access(&pair.access_token, &nagra, NOW).unwrap();
        assert_eq!(verified.id, sample_session().id);
        let verified = session.verify_refresh(&pair.refresh_token, &nagra, NOW).unwrap();
        assert_eq!(verified.generation, sample_session().generation);
        assert_eq!(verified.id, sample_session().id);
    }
}

#[tokio::test]
async fn a_key_id_is_the_thumbprint_that_the_other_library_computes() {
    for alg in ["ES256", "ES384", "EdDSA", "RS256"] {
        let tokens = site(json!({"profile": "standard", "algorithm": alg, "issuer": ISSUER})).await;
        let jwks = published(merged_jwks(Some(&tokens), None));
        let jwk: &Jwk = &jwks.keys[0];
        let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256).unwrap();
        assert_eq!(jwk.common.key_id.as_deref(), Some(thumbprint.as_str()), "{alg}");
    }
}

#[tokio::test]
async fn vendor_tokens_verify_with_the_shared_secret_and_publish_no_key() {
    let secret = "s".repeat(64);
    let keys = json!([{"kid": "259629", "secret": secret, "sign": true}]);
    let site = site(json!({"issuer": ISSUER, "keys": keys})).await;
    let session = session(json!({"keys": keys})).await;
    let key = DecodingKey::from_secret(secret.as_bytes());

    let token = site.mint(&ada(), NOW, &SystemRandom).unwrap().token;
    let mut hs512 = validation(jsonwebtoken::Algorithm::HS512);
    jsonwebtoken::decode::<Value>(&token, &key, &hs512).unwrap();

    hs512 = Validation::new(jsonwebtoken::Algorithm::HS256);
    hs512.validate_exp = false;
    let pair = session.mint_pair(&sample_session(), NOW);
    jsonwebtoken::decode::<Value>(&pair.access_token, &key, &hs512).unwrap();
    jsonwebtoken::decode::<Value>(&pair.refresh_token, &key, &hs512).unwrap();

    assert_eq!(merged_jwks(Some(&site), Some(&session)), json!({"keys": []}));
}

#[tokio::test]
async fn a_generated_key_can_be_brought_back_in_the_configuration() {
    for alg in
        [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA, Algorithm::RS256, Algorithm::PS256]
    {
        let key = generate(alg, &SystemRandom).unwrap();
        let keys = json!([{"pem": key.private.expose(), "sign": true}]);
        let tokens =
            site(json!({"profile": "standard", "algorithm": alg, "issuer": ISSUER, "keys": keys}))
                .await;
        assert_eq!(tokens.public_keys(), [key.public.unwrap()]);
        let token = tokens.mint(&ada(), NOW, &SystemRandom).unwrap().token;
        let kid = jsonwebtoken::decode_header(&token).unwrap().kid;
        assert_eq!(kid.as_deref(), Some(key.kid.as_str()));
    }
    let key = generate(Algorithm::HS512, &SystemRandom).unwrap();
    assert!(key.public.is_none());
    let keys = json!([{"secret_base64": key.private.expose(), "sign": true}]);
    let tokens = site(json!({"issuer": ISSUER, "keys": keys})).await;
    let token = tokens.mint(&ada(), NOW, &SystemRandom).unwrap().token;
    assert!(tokens.verify(&token, NOW).is_ok());
}
