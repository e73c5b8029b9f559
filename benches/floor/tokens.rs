//! The floor's tokens and answers: prepared keys, one JWS routine, the response
//! bodies. Used by the floor's handlers only. Nothing here reads a clock or makes
//! randomness that Cambio would not need too, and nothing is decided about anybody.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom as SigningRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cambio::domain::{Clock, Random, SystemClock, SystemRandom};
use clap::ValueEnum;
use serde::Serialize;

use super::Error;
use super::claims::{AccessClaims, CookieClaims, Empty, RefreshClaims, SESSION_CONTROL};

/// What signs the token that a cookie is exchanged for.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Algorithm {
    Hs512,
    Es256,
}

/// The keys, parsed once; each header is encoded once too.
pub(crate) struct Keys {
    hs256: hmac::Key,
    hs512: hmac::Key,
    /// Signs the cookie's token instead of `hs512`.
    es256: Option<EcdsaKeyPair>,
    cookie_header: String,
    ags_header: String,
}

impl Keys {
    /// Fresh keys.
    pub(crate) fn generate(alg: Algorithm) -> Result<Self, Error> {
        let mut secret = [0; 64];
        random().fill(&mut secret);
        let (es256, header) = match alg {
            Algorithm::Hs512 => (None, r#"{"alg":"HS512"}"#),
            Algorithm::Es256 => (
                Some(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?),
                r#"{"alg":"ES256","typ":"at+jwt","kid":"259629"}"#,
            ),
        };
        Ok(Self {
            hs256: hmac::Key::new(hmac::HMAC_SHA256, &secret[..32]),
            hs512: hmac::Key::new(hmac::HMAC_SHA512, &secret),
            es256,
            cookie_header: URL_SAFE_NO_PAD.encode(header),
            ags_header: URL_SAFE_NO_PAD.encode(r#"{"kid":"259629","alg":"HS256","typ":"JWT"}"#),
        })
    }

    /// One signature.
    pub(crate) fn cookie_answer(&self) -> CookieAnswer {
        let (now, site) = (SystemClock.now().secs(), "https://community.example.com");
        let jwt = self.cookie_token(&CookieClaims {
            sub: "demo",
            user: "ZjYxNDkyYzUtYzE5Mi00ZWZhLTlhZmItNmE4M2MyZDRhN2Ux",
            iat: now,
            iss: site,
            aud: site,
            jti: random().uuid(),
            exp: now + 21_600,
            roles: ["USE_API"],
        });
        CookieAnswer { id_token: jwt.clone(), jwt, expires_in: 21_600 }
    }

    fn cookie_token(&self, claims: &CookieClaims) -> String {
        let Some(key) = &self.es256 else {
            return jws(&self.cookie_header, claims, |input| hmac::sign(&self.hs512, input));
        };
        #[expect(clippy::expect_used, reason = "signing fails only without entropy")]
        let sign = |input: &[u8]| key.sign(&SigningRandom::new(), input).expect("there is entropy");
        jws(&self.cookie_header, claims, sign)
    }

    /// Two signatures.
    pub(crate) fn pair(&self, device: &str) -> TokenBody {
        let now = SystemClock.now().secs();
        let jti = (random().u64() >> 1).to_string();
        let access = AccessClaims {
            account_profile_id: "DEFAULT",
            tenant_id: "nagra",
            filtering_information: Empty {},
            blocking_information: Empty {},
            account_id: "1663",
            user_id: "1663",
            ver: "1.0",
            geo_block_exempt: false,
            parental_control: None,
            typ: "DevAuthN",
            jti: &jti,
            playout_device_class: None,
            device_id: device,
            exp: now + 3_600,
            fixed_exp: now + 2_592_000,
            on_network: true,
            session_control: SESSION_CONTROL,
            billing_country_code: "EmptyCountry",
        };
        let refresh = RefreshClaims {
            ver: "1.0",
            tenant_id: "nagra",
            session_control: SESSION_CONTROL,
            account_profile_id: "DEFAULT",
            device_id: device,
            fixed_exp: now + 2_592_000,
            exp: now + 172_800,
            account_id: "1663",
            jti: &jti,
            user_id: "1663",
            typ: "RefreshAuthN",
        };
        TokenBody {
            access_token: jws(&self.ags_header, &access, |input| hmac::sign(&self.hs256, input)),
            refresh_token: jws(&self.ags_header, &refresh, |input| hmac::sign(&self.hs256, input)),
            client_id: device.to_owned(),
            account_id: "1663",
            token_type: "bearer",
            expires_in: 3_600,
            refresh_expires_in: 172_800,
            fixed_refresh_expires_in: 2_592_000,
        }
    }
}

/// A JWS in compact serialization, built in one buffer.
#[expect(clippy::expect_used, reason = "the claims are plain structs, which always serialize")]
fn jws<S: AsRef<[u8]>>(header: &str, claims: &impl Serialize, sign: impl Fn(&[u8]) -> S) -> String {
    let claims = serde_json::to_vec(claims).expect("claims serialize");
    let mut token = String::with_capacity(header.len() + claims.len() * 4 / 3 + 96);
    token.push_str(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut token);
    let signature = sign(token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    token
}

/// Where random bytes come from.
pub(crate) fn random() -> &'static dyn Random {
    &SystemRandom
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CookieAnswer {
    jwt: String,
    id_token: String,
    expires_in: u32,
}

#[derive(Serialize)]
pub(crate) struct TokenBody {
    access_token: String,
    refresh_token: String,
    client_id: String,
    #[serde(rename = "accountId")]
    account_id: &'static str,
    token_type: &'static str,
    expires_in: u32,
    refresh_expires_in: u32,
    fixed_refresh_expires_in: u32,
}

/// What a head-end signs for this account of tenant `nagra`, for a day.
pub(crate) fn operator_token(secret: &str, account: &str) -> String {
    let header = r#"{"alg":"HS256","typ":"JWT","kid":"bench"}"#;
    let exp = SystemClock.now().secs() + 86_400;
    let claims = format!(
        r#"{{"typ":"GetSessionTokenAuthN","OpfAccountId":"{account}","OpfTenantId":"nagra","exp":{exp},"aud":"ags"}}"#
    );
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
}
