//! What can go wrong with keys and tokens. The texts are for logs and configuration
//! problems: they name the rule that failed and never hold any part of a token or key.

use super::Algorithm;

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// An HMAC secret shorter than RFC 7518 section 3.2 demands.
    #[error("secret has {have} bytes, {alg} needs {need}")]
    ShortSecret {
        /// The algorithm it is for.
        alg: Algorithm,
        /// Its length.
        have: usize,
        /// The least length.
        need: usize,
    },
    /// The private key is not one for this algorithm: another type or curve, damaged, or an
    /// RSA key below 2048 bits.
    #[error("private key is not usable with {0}")]
    Rejected(Algorithm),
    /// The text is not one unencrypted PEM private key.
    #[error("not an unencrypted private key in PEM format (PKCS#8, SEC1 or PKCS#1)")]
    NotPem,
    /// No key could be generated.
    #[error("key generation failed")]
    Generation,
}

/// Why nothing was minted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// The session that the credential belongs to has no time left, and nothing minted
    /// outlives it.
    #[error("upstream session has already expired")]
    AlreadyExpired,
    /// The claims take more than the configuration allows.
    #[error("claims take {bytes} bytes, tokens.max_claims_bytes allows {max}")]
    ClaimsTooLarge {
        /// What they take as JSON.
        bytes: usize,
        /// What is allowed.
        max: usize,
    },
    /// The claims (roles, most likely) make a token longer than any is accepted, 8 KiB.
    #[error("token would be too long")]
    TooLong,
}

/// Why a token is not honoured. A client sees one answer for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a compact JWS within bounds.
    #[error("token is malformed")]
    Malformed,
    /// Its header is not the header of any key in the ring: another algorithm (`none`
    /// included), another `kid`, or any parameter that Cambio does not write.
    #[error("token's header names no key")]
    UnknownKey,
    /// The signature does not match.
    #[error("token's signature is bad")]
    BadSignature,
    /// Its time, or its session's, is over.
    #[error("token has expired")]
    Expired,
    /// A token of another type: a refresh token where an access token belongs, or the reverse.
    #[error("token is of the wrong type")]
    WrongType,
    /// A token of another tenant.
    #[error("token is of another tenant")]
    WrongTenant,
    /// The signature is good but the claims are not what Cambio writes.
    #[error("token's claims are bad: {0}")]
    Claims(&'static str),
}
