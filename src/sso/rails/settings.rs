//! The `rails` table: reads it, derives the keys and builds the validator.

use std::sync::Arc;

use serde::Deserialize;

use super::super::SsoValidator;
use super::super::mapping::NamedFields;
use super::super::secrets;
use super::Rails;
use super::opener::{Digest, Opener};
use crate::domain::setting::{Problems, SecretSource, join};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Settings {
    /// The application's secrets; all of them are live.
    secret_key_base: Vec<SecretSource>,
    /// The cookie's name, which is what its content was made for.
    cookie: String,
    #[serde(default)]
    protection: Protection,
    /// What keys are derived with: SHA256 since Rails 7.0's defaults, SHA1 before.
    #[serde(default = "default_derivation")]
    key_generator_hash_digest_class: Vec<Digest>,
    #[serde(default = "default_encrypted_salt")]
    authenticated_encrypted_cookie_salt: String,
    #[serde(default = "default_signed_salt")]
    signed_cookie_salt: String,
    #[serde(default = "default_digest")]
    signed_cookie_digest: Digest,
    fields: NamedFields,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Protection {
    /// The session, and `cookies.encrypted`.
    #[default]
    Encrypted,
    /// `cookies.signed`.
    Signed,
}

fn default_derivation() -> Vec<Digest> {
    vec![Digest::Sha256]
}

fn default_encrypted_salt() -> String {
    "authenticated encrypted cookie".to_owned()
}

fn default_signed_salt() -> String {
    "signed cookie".to_owned()
}

fn default_digest() -> Digest {
    Digest::Sha1
}

impl Settings {
    pub(in super::super) fn build(
        self,
        path: &str,
        problems: &mut Problems,
    ) -> Option<Arc<dyn SsoValidator>> {
        let before = problems.len();
        let secrets =
            secrets::loaded(&self.secret_key_base, &join(path, "secret_key_base"), problems);
        let derivations = &self.key_generator_hash_digest_class;
        if derivations.is_empty() {
            let path = join(path, "key_generator_hash_digest_class");
            problems.push(path, "must name at least one digest");
        }
        if self.cookie.is_empty() {
            problems.push(join(path, "cookie"), "must not be empty");
        }
        if problems.len() > before {
            return None;
        }
        let opener = match self.protection {
            Protection::Encrypted => {
                Opener::encrypted(&secrets, derivations, &self.authenticated_encrypted_cookie_salt)
            }
            Protection::Signed => Opener::signed(
                &secrets,
                derivations,
                &self.signed_cookie_salt,
                self.signed_cookie_digest,
            ),
        };
        let purpose = format!("cookie.{}", self.cookie);
        Some(Arc::new(Rails { opener, purpose, mapping: self.fields.mapping().that_must_end() }))
    }
}
