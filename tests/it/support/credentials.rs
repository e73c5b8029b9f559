//! Credentials, as the systems that share the tests' secrets would make them, and tokens
//! taken apart again.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cambio::domain::{Attributes, SecretString, Subject, Timestamp};
use cambio::sso::{SignedCookiePayload, issue_signed_cookie};
use serde_json::{Value, json};

use super::{NOW, OPERATOR_SECRET, PORTAL_SECRET};

/// What the portal says of a user, for a day.
pub(crate) fn payload(subject: &str, roles: &[&str]) -> SignedCookiePayload {
    SignedCookiePayload {
        sub: Subject::parse(subject).unwrap(),
        uid: None,
        roles: roles.iter().map(ToString::to_string).collect(),
        accounts: Vec::new(),
        exp: Timestamp::from_secs(NOW + 86_400),
        sid: None,
        attrs: Attributes::new(),
    }
}

/// The portal's cookie.
pub(crate) fn cookie(payload: &SignedCookiePayload) -> String {
    issue_signed_cookie(&SecretString::new(PORTAL_SECRET), payload)
}

/// A JWS over these bytes.
pub(crate) fn signed_jwt(
    header: &str,
    claims: &str,
    secret: &str,
    digest: hmac::Algorithm,
) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let signed = format!("{}.{}", part(header), part(claims));
    let mac = hmac::sign(&hmac::Key::new(digest, secret.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
}

/// What the head-end of `tenant` signs for an account (contract B.2).
pub(crate) fn operator_token(tenant: &str, account: &str) -> String {
    let header = json!({"alg": "HS256", "typ": "JWT", "kid": "head-end-1"});
    let claims = json!({"typ": "GetSessionTokenAuthN", "OpfAccountId": account,
        "OpfTenantId": tenant, "exp": NOW + 86_400, "aud": "ags"});
    signed_jwt(&header.to_string(), &claims.to_string(), OPERATOR_SECRET, hmac::HMAC_SHA256)
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// A token's header, unverified.
pub(crate) fn header_of(token: &str) -> Value {
    part(token, 0)
}

/// A token's claims, unverified.
pub(crate) fn claims_of(token: &str) -> Value {
    part(token, 1)
}
