//! The credential that `explain` is given: read from a file or standard input, bounded, and never
//! from the command line.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::ValueEnum;
use zeroize::Zeroizing;

use crate::domain::{Credential, CredentialKind, SecretString};
use crate::sso::SsoValidator;

/// The longest credential, in bytes: more than any validator takes.
const MAX_LEN: u64 = 64 * 1024;

/// What the credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// The value of a cookie, chunks joined.
    Cookie,
    /// A token.
    #[value(alias = "token")]
    Bearer,
    /// `name:password`.
    #[value(alias = "password")]
    Basic,
}

impl Kind {
    /// As validators name it.
    pub(super) fn credential(self) -> CredentialKind {
        match self {
            Self::Cookie => CredentialKind::Cookie,
            Self::Bearer => CredentialKind::Token,
            Self::Basic => CredentialKind::Password,
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cookie => "cookie",
            Self::Bearer => "bearer",
            Self::Basic => "basic",
        }
    }
}

/// The first kind that a validator takes.
pub(super) fn taken_by(validator: &dyn SsoValidator) -> Option<Kind> {
    let kinds = [Kind::Cookie, Kind::Bearer, Kind::Basic];
    kinds.into_iter().find(|kind| validator.accepts(kind.credential()))
}

/// Reads it.
///
/// # Errors
/// A text for the one who called, without any of it.
pub(super) fn read(kind: Kind, file: Option<&Path>) -> Result<Credential, String> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = match file {
        Some(path) => File::open(path).and_then(|f| f.take(MAX_LEN + 1).read_to_end(&mut bytes)),
        None => std::io::stdin().take(MAX_LEN + 1).read_to_end(&mut bytes),
    };
    read.map_err(|error| format!("cannot read the credential: {error}"))?;
    if bytes.len() as u64 > MAX_LEN {
        return Err(format!("the credential is longer than {MAX_LEN} bytes"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| "the credential is not UTF-8".to_owned())?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err("there is no credential on standard input or in the file".to_owned());
    }
    Ok(match kind {
        Kind::Cookie => Credential::Cookie(SecretString::new(text)),
        Kind::Bearer => Credential::Token(SecretString::new(text)),
        Kind::Basic => {
            let (username, password) =
                text.split_once(':').ok_or("the credential must be name:password")?;
            Credential::Password {
                username: SecretString::new(username),
                password: SecretString::new(password),
            }
        }
    })
}

/// The texts that must not be printed, whoever says them. (A user name is the subject, which is
/// shown with the other values.)
pub(super) fn secrets(credential: &Credential) -> Vec<SecretString> {
    match credential {
        Credential::Cookie(text) | Credential::Token(text) => vec![text.clone()],
        Credential::Password { password, .. } => vec![password.clone()],
    }
}
