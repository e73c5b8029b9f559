//! `rails`: the encrypted (AES-256-GCM) and signed (HMAC) cookies of Ruby on Rails 6.0 and
//! later with the JSON cookie serializer. Needs no I/O. Keys are derived at boot; the names
//! and defaults are those of `config.action_dispatch` in Rails' configuration guide.

mod envelope;
mod opener;
mod settings;

use std::fmt;

use self::opener::Opener;
pub(super) use self::settings::Settings;
use super::ValidateError;
use super::mapping::Mapping;
use super::opens::Opens;
use super::unseal::percent_decoded;
use crate::domain::{Timestamp, Verified};

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

impl Opens for Rails {
    const KIND: &'static str = "rails";
    const MAX_LEN: usize = MAX_LEN;

    fn has_made(&self, value: &str) -> bool {
        percent_decoded(value).and_then(|value| self.opener.open(&value)).is_ok()
    }

    fn decide(&self, value: &str, now: Timestamp) -> Result<Verified, ValidateError> {
        let envelope = self.opener.open(&percent_decoded(value)?)?;
        let message = envelope::read(&envelope, &self.purpose)?;
        self.mapping.apply(&message.value, message.end, now)
    }
}
