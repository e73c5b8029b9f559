//! The operator's head-end tokens (`OperatorAuthToken`): HS256 with a shared secret per
//! key id. Called by the getSessionToken story; not a validator, because it proves a
//! head-end and not a user. Whether the tenant and account are right is the caller's check.

use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::Value;

use super::ValidateError;
use super::jwt::claims::{ClaimRules, Expected, check_leeway, default_leeway};
use super::jwt::jws::UnverifiedJws;
use super::jwt::keys::KeySet;
use crate::domain::setting::{HumanDuration, Problems, SecretSource, join};
use crate::domain::{AccountId, Timestamp};

/// Claim `typ` of an operator's token.
pub const TYP: &str = "GetSessionTokenAuthN";
/// Claim `aud` of an operator's token.
pub const AUDIENCE: &str = "ags";

/// A tenant's operator keys as the configuration lists them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorKeysSettings {
    /// The live keys; the token's `kid` picks one.
    keys: Vec<OperatorKey>,
    /// How far the head-end's clock may be off.
    #[serde(default = "default_leeway")]
    leeway: HumanDuration,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct OperatorKey {
    kid: String,
    secret: SecretSource,
}

impl OperatorKeysSettings {
    /// Loads the secrets, noting every problem.
    #[must_use]
    pub fn build(self, path: &str, problems: &mut Problems) -> Option<OperatorKeys> {
        let before = problems.len();
        check_leeway(self.leeway, path, problems);
        let path = join(path, "keys");
        if self.keys.is_empty() {
            problems.push(&path, "must name at least one key");
        }
        let mut keys = KeySet::default();
        let mut kids: Vec<&str> = Vec::new();
        for (i, OperatorKey { kid, secret }) in self.keys.iter().enumerate() {
            let at = join(&path, &i.to_string());
            if kid.is_empty() || kids.contains(&kid.as_str()) {
                problems.push(join(&at, "kid"), "must not be empty nor used twice");
            }
            kids.push(kid);
            let kid = Some(kid.clone());
            let added = secret.load().and_then(|s| keys.add_shared(kid, &s, &[Algorithm::HS256]));
            problems.ok(&join(&at, "secret"), added);
        }
        let rules = ClaimRules {
            issuer: Expected::Unchecked,
            audience: Expected::OneOf(vec![AUDIENCE.to_owned()]),
            authorized_party: Expected::Unchecked,
            client_id: Expected::Unchecked,
            header_typ: Expected::Unchecked,
            claim_typ: Some(TYP.to_owned()),
            leeway: self.leeway.0,
        };
        (problems.len() == before).then_some(OperatorKeys { keys, rules })
    }
}

/// A tenant's operator keys.
#[derive(Debug)]
pub struct OperatorKeys {
    keys: KeySet,
    rules: ClaimRules,
}

/// What a verified operator's token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorClaims {
    /// Claim `OpfTenantId`; whether it is the call's tenant is for the caller to check.
    pub tenant: String,
    /// Claim `OpfAccountId`.
    pub account: AccountId,
    /// Claim `exp`; inside the leeway behind it, the end of the leeway.
    pub expires_at: Timestamp,
}

impl OperatorKeys {
    /// Verifies a token.
    ///
    /// # Errors
    /// `Malformed` when it is no JWS, `Rejected` when it proves nothing.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<OperatorClaims, ValidateError> {
        let jws = UnverifiedJws::parse(token)?;
        if !jws.names_a_key() {
            return Err(ValidateError::Rejected("key id is missing"));
        }
        self.keys.verify(&jws)?.ok()?;
        let (claims, expires_at) = jws.checked_claims(&self.rules, now)?;
        let text = |name: &str| match claims.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) if number.is_u64() => Some(number.to_string()),
            _ => None,
        };
        let account = text("OpfAccountId").and_then(|id| AccountId::parse(&id).ok());
        Ok(OperatorClaims {
            tenant: text("OpfTenantId").ok_or(ValidateError::Rejected("OpfTenantId is missing"))?,
            account: account.ok_or(ValidateError::Rejected("OpfAccountId is missing or unfit"))?,
            expires_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000_000);
    const SECRETS: [&str; 2] =
        ["operator-secret-one-operator-secret-one", "operator-secret-two-operator-secret-two"];

    fn keys() -> OperatorKeys {
        let settings: OperatorKeysSettings = serde_json::from_value(json!({"keys": [
            {"kid": "k1", "secret": SECRETS[0]}, {"kid": "k2", "secret": SECRETS[1]},
        ]}))
        .unwrap();
        settings.build("operator", &mut Problems::default()).unwrap()
    }

    fn token(secret: &str, header: &Value, claims: &Value) -> String {
        let part = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let mac = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
        format!("{signed}.{mac}")
    }

    fn header(kid: &str) -> Value {
        json!({"alg": "HS256", "typ": "JWT", "kid": kid})
    }

    fn claims() -> Value {
        json!({"typ": TYP, "OpfAccountId": "1663", "OpfTenantId": "nagra",
            "exp": NOW.secs() + 60, "aud": "ags"})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    #[test]
    fn the_key_id_picks_the_secret() {
        for (kid, secret) in [("k1", SECRETS[0]), ("k2", SECRETS[1])] {
            let said = keys().verify(&token(secret, &header(kid), &claims()), NOW).unwrap();
            assert_eq!((said.tenant.as_str(), said.account.as_str()), ("nagra", "1663"));
            assert_eq!(said.expires_at, Timestamp::from_secs(NOW.secs() + 60));
        }
        let listed = with("aud", json!(["other", "ags"]));
        assert!(keys().verify(&token(SECRETS[0], &header("k1"), &listed), NOW).is_ok());
    }

    #[test]
    fn everything_else_is_rejected() {
        let good = claims();
        let unnamed = json!({"alg": "HS256"});
        for (what, token) in [
            ("other key's kid", token(SECRETS[0], &header("k2"), &good)),
            ("unknown kid", token(SECRETS[0], &header("../k1' OR 1=1"), &good)),
            ("no kid", token(SECRETS[0], &unnamed, &good)),
            ("another algorithm", token(SECRETS[0], &json!({"alg": "HS512", "kid": "k1"}), &good)),
            ("typ", token(SECRETS[0], &header("k1"), &with("typ", json!("DevAuthN")))),
            ("aud", token(SECRETS[0], &header("k1"), &with("aud", json!("other")))),
            ("exp", token(SECRETS[0], &header("k1"), &with("exp", json!(NOW.secs() - 30)))),
            ("account", token(SECRETS[0], &header("k1"), &with("OpfAccountId", json!("")))),
            ("tenant", token(SECRETS[0], &header("k1"), &with("OpfTenantId", json!(null)))),
        ] {
            let verdict = keys().verify(&token, NOW);
            assert!(matches!(verdict, Err(ValidateError::Rejected(_))), "{what}: {verdict:?}");
        }
    }
}
