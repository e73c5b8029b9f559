//! `iron_session`: the cookie of iron-session 8, a Fe26.2 seal (iron-webcrypto) with a JSON
//! session inside. Needs no I/O. Every seal has its own salts, so that keys are derived for
//! each one, in the format's one iteration.

mod seal;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use self::seal::UnverifiedSeal;
use super::mapping::{Mapping, NamedFields};
use super::opens::Opens;
use super::unseal::percent_decoded;
use super::{SsoValidator, ValidateError};
use crate::domain::setting::{Problems, SecretSource, join};
use crate::domain::{SecretString, Timestamp, Verified};

/// The longest accepted value, in bytes: 4096 that the library makes, and percent-encoding.
const MAX_LEN: usize = 8 * 1024;
/// The shortest password that the library takes, in bytes.
const MIN_PASSWORD: usize = 32;

/// The `iron_session` table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The application's passwords by the number that a seal names; all of them are live. One
    /// that the application gives as a text has the number 1.
    password: BTreeMap<String, SecretSource>,
    fields: NamedFields,
}

impl Settings {
    pub(super) fn build(
        self,
        path: &str,
        problems: &mut Problems,
    ) -> Option<Arc<dyn SsoValidator>> {
        let path = join(path, "password");
        let before = problems.len();
        if self.password.is_empty() {
            problems.push(&path, "must have at least one password, under its number");
        }
        let mut passwords = BTreeMap::new();
        for (id, source) in self.password {
            let at = join(&path, &id);
            let Some(password) = problems.ok(&at, source.load()) else { continue };
            if id.is_empty() || id.len() > 9 || !id.bytes().all(|b| b.is_ascii_digit()) {
                problems.push(&at, "must be named by a number");
            }
            if password.expose().len() < MIN_PASSWORD {
                problems.push(at, format!("must be at least {MIN_PASSWORD} bytes long"));
            }
            passwords.insert(id, password);
        }
        let validator = IronSession { passwords, mapping: self.fields.mapping().that_must_end() };
        (problems.len() == before).then(|| Arc::new(validator) as _)
    }
}

struct IronSession {
    passwords: BTreeMap<String, SecretString>,
    mapping: Mapping,
}

impl fmt::Debug for IronSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IronSession")
            .field("passwords", &self.passwords.len())
            .finish_non_exhaustive()
    }
}

impl Opens for IronSession {
    const KIND: &'static str = "iron_session";
    const MAX_LEN: usize = MAX_LEN;

    fn has_made(&self, value: &str) -> bool {
        percent_decoded(value).is_ok_and(|value| {
            UnverifiedSeal::parse(&value).is_ok_and(|seal| seal.is_made_with(&self.passwords))
        })
    }

    fn decide(&self, value: &str, now: Timestamp) -> Result<Verified, ValidateError> {
        let value = percent_decoded(value)?;
        let opened = UnverifiedSeal::parse(&value)?.open(&self.passwords, now)?;
        let session: Value = serde_json::from_slice(&opened.plain)
            .map_err(|_| ValidateError::Malformed("its session is not json"))?;
        self.mapping.apply(&session, opened.end, now)
    }
}
