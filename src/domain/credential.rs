//! What a client shows to prove who it is. A credential is never logged, stored
//! or echoed: `Debug` redacts it and it is zeroized on drop.

use super::SecretString;

/// How a credential travels; a validator says which kinds it takes, and that is
/// checked when services are bound at boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// The value of one cookie (percent-encoding as sent).
    Cookie,
    /// One opaque or structured token from a request parameter or header.
    Token,
    /// A user name and a password (RFC 7617).
    Password,
}

/// One credential, and nothing else of the request.
#[derive(Debug, Clone)]
pub enum Credential {
    /// The cookie's value, exactly as the client sent it; chunks are joined.
    Cookie(SecretString),
    /// The token's text.
    Token(SecretString),
    /// User name and password.
    Password {
        /// The user name; personal data, so redacted as well.
        username: SecretString,
        /// The password.
        password: SecretString,
    },
}

impl Credential {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> CredentialKind {
        match self {
            Self::Cookie(_) => CredentialKind::Cookie,
            Self::Token(_) => CredentialKind::Token,
            Self::Password { .. } => CredentialKind::Password,
        }
    }

    /// The single text of a cookie or token; `None` for a password.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Cookie(s) | Self::Token(s) => Some(s.expose()),
            Self::Password { .. } => None,
        }
    }
}
