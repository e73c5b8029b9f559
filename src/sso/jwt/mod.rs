//! `jwt` and `oidc`: tokens that another system signed. The configuration says which
//! algorithms, keys, issuer and audience are believed; a token's header only selects among
//! them. `settings.rs` and `oidc.rs` build it, `operator.rs` of `sso` uses the same core for
//! head-end tokens.

pub(super) mod claims;
mod discovery;
mod jwks;
pub(super) mod jws;
pub(super) mod keys;
mod oidc;
mod public_key;
mod remote;
mod settings;
mod source;

use std::sync::Arc;

use async_trait::async_trait;

use self::claims::ClaimRules;
use self::jws::UnverifiedJws;
use self::keys::KeySet;
pub(super) use self::oidc::Settings as OidcSettings;
use self::remote::RemoteKeys;
pub(super) use self::settings::Settings;
use super::mapping::Mapping;
use super::{SsoValidator, ValidateCx, ValidateError, credential};
use crate::domain::{Credential, CredentialKind, Verified};
use crate::support::Watched;

#[derive(Debug)]
struct Jwt {
    /// `jwt` or `oidc`.
    kind: &'static str,
    keys: Keys,
    rules: ClaimRules,
    mapping: Mapping,
}

#[derive(Debug)]
enum Keys {
    Fixed(KeySet),
    Files(Vec<Arc<Watched<KeySet>>>),
    Remote(Arc<RemoteKeys>),
}

#[async_trait]
impl SsoValidator for Jwt {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn accepts(&self, kind: CredentialKind) -> bool {
        matches!(kind, CredentialKind::Cookie | CredentialKind::Token)
    }

    fn recognizes(&self, credential: &Credential) -> bool {
        let Ok(text) = credential::text(credential, jws::MAX_LEN) else { return false };
        UnverifiedJws::parse(text)
            .is_ok_and(|jws| jws.check_issuer(&self.rules).is_ok() && self.keys.may_have_made(&jws))
    }

    fn is_selective(&self) -> bool {
        true
    }

    async fn validate(
        &self,
        credential: &Credential,
        cx: &ValidateCx<'_>,
    ) -> Result<Verified, ValidateError> {
        let jws = UnverifiedJws::parse(credential::text(credential, jws::MAX_LEN)?)?;
        if let Keys::Remote(_) = self.keys {
            // Nobody is asked for the keys of another issuer.
            jws.check_issuer(&self.rules)?;
        }
        self.keys.verify(&jws, cx).await?;
        let (claims, end) = jws.checked_claims(&self.rules, cx.now)?;
        self.mapping.apply(&claims, Some(end), cx.now)
    }

    async fn check(&self) -> Result<(), ValidateError> {
        match &self.keys {
            Keys::Fixed(_) | Keys::Files(_) => Ok(()),
            Keys::Remote(remote) => remote.check(),
        }
    }
}

impl Keys {
    /// Whether a key at hand has made it; keys that may have to be fetched may have made anything.
    fn may_have_made(&self, jws: &UnverifiedJws<'_>) -> bool {
        let made = |keys: &KeySet| keys.verify(jws).is_ok_and(|checked| checked.ok().is_ok());
        match self {
            Self::Fixed(keys) => made(keys),
            Self::Files(files) => files.iter().any(|file| made(&file.get())),
            Self::Remote(_) => true,
        }
    }

    async fn verify(
        &self,
        jws: &UnverifiedJws<'_>,
        cx: &ValidateCx<'_>,
    ) -> Result<(), ValidateError> {
        match self {
            Self::Fixed(keys) => keys.verify(jws)?.ok(),
            Self::Files(files) => {
                let mut verdict = Err(ValidateError::Rejected("key is unknown"));
                for file in files {
                    match file.get().verify(jws) {
                        Ok(checked) => verdict = checked.ok(),
                        Err(no_key) if files.len() == 1 => verdict = Err(no_key.into()),
                        Err(_) => {}
                    }
                    if verdict.is_ok() {
                        break;
                    }
                }
                verdict
            }
            Self::Remote(remote) => remote.verify(jws, cx).await,
        }
    }
}

#[cfg(test)]
mod tests;
