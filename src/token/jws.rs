//! Reading compact JWSs that Cambio signed. A token's header must be, byte for byte, the
//! header that a key of the ring writes: so `alg`, `kid`, `jku`, `jwk`, `x5u`, `crit` and
//! every other parameter are never even looked at, and a token that carries something
//! else names no key. Claims are the callers' business.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::TokenError;
use super::prepared::MAX_SIGNATURE;
use super::signer::SigningKey;

/// The longest token that is looked at, in bytes.
pub(super) const MAX_TOKEN: usize = 8 * 1024;

/// The most keys in a ring; where headers carry no `kid`, each is tried.
pub(super) const MAX_KEYS: usize = 16;

/// The keys of one token type: the first signs, all verify.
#[derive(Debug, Clone)]
pub(super) struct KeySet(Box<[SigningKey]>);

impl KeySet {
    /// `None` without any key.
    pub(super) fn new(keys: Vec<SigningKey>) -> Option<Self> {
        (!keys.is_empty()).then(|| Self(keys.into_boxed_slice()))
    }

    /// The compact JWS of the claims.
    pub(super) fn sign(&self, claims_json: &[u8]) -> String {
        self.0[0].sign(claims_json)
    }

    /// Whether a key of this set writes the token's header.
    pub(super) fn knows_header(&self, token: &str) -> bool {
        split(token).is_ok_and(|parts| self.0.iter().any(|k| *k.header == *parts.header))
    }

    /// The claims' bytes of a token that one of the keys signed.
    pub(super) fn verify(&self, token: &str) -> Result<Vec<u8>, TokenError> {
        let parts = split(token)?;
        let mut buffer = [0; MAX_SIGNATURE];
        let len = URL_SAFE_NO_PAD
            .decode_slice(parts.signature, &mut buffer)
            .map_err(|_| TokenError::Malformed)?;
        let mut outcome = TokenError::UnknownKey;
        for key in self.0.iter().filter(|k| *k.header == *parts.header) {
            if key.key.verifies(parts.message.as_bytes(), &buffer[..len]) {
                return URL_SAFE_NO_PAD.decode(parts.payload).map_err(|_| TokenError::Malformed);
            }
            outcome = TokenError::BadSignature;
        }
        Err(outcome)
    }
}

struct Parts<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
    /// Header and payload with the dot between them: what is signed.
    message: &'a str,
}

fn split(token: &str) -> Result<Parts<'_>, TokenError> {
    if token.len() > MAX_TOKEN {
        return Err(TokenError::Malformed);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(TokenError::Malformed)?;
    if header.is_empty() || payload.is_empty() || payload.contains('.') {
        return Err(TokenError::Malformed);
    }
    Ok(Parts { header, payload, signature, message })
}
