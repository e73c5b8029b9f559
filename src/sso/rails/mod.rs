//! `rails`: the encrypted (AES-256-GCM) and signed (HMAC) cookies of Ruby on Rails 6.0 and
//! later with the JSON cookie serializer. Needs no I/O. Keys are derived at boot; the names
//! and defaults are those of `config.action_dispatch` in Rails' configuration guide.

mod envelope;
mod opener;
mod settings;

use std::fmt;

use async_trait::async_trait;

use self::opener::Opener;
pub(super) use self::settings::Settings;
use super::mapping::Mapping;
use super::unseal::percent_decoded;
use super::{SsoValidator, ValidateCx, ValidateError, credential};
use crate::domain::{Credential, CredentialKind, Timestamp, Verified};

/// The longest accepted value, in bytes: 4096 that Rails makes, and their percent-encoding.
const MAX_LEN: usize = 8 * 1024;

struct Rails {
    opener: Opener,
    /// `cookie.<name>`: a value made for another cookie of the application is refused.
    purpose: String,
    mapping: Mapping,
}

impl fmt::Debug for Rails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rails").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

#[async_trait]
impl SsoValidator for Rails {
    fn kind(&self) -> &'static str {
        "rails"
    }

    fn accepts(&self, kind: CredentialKind) -> bool {
        matches!(kind, CredentialKind::Cookie | CredentialKind::Token)
    }

    fn recognizes(&self, credential: &Credential) -> bool {
        let opens = |value| self.opener.open(&percent_decoded(value)?).map(drop);
        credential::text(credential, MAX_LEN).and_then(opens).is_ok()
    }

    fn is_selective(&self) -> bool {
        true
    }

    async fn validate(
        &self,
        credential: &Credential,
        cx: &ValidateCx<'_>,
    ) -> Result<Verified, ValidateError> {
        self.decide(credential::text(credential, MAX_LEN)?, cx.now)
    }
}

impl Rails {
    fn decide(&self, value: &str, now: Timestamp) -> Result<Verified, ValidateError> {
        let envelope = self.opener.open(&percent_decoded(value)?)?;
        let message = envelope::read(&envelope, &self.purpose)?;
        self.mapping.apply(&message.value, message.end, now)
    }
}
