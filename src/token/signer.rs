//! Signing: a prepared key with the header text of one token type, fixed when it is made.
//! `jws.rs` compares the headers of presented tokens with it; claims come from the profiles.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::prepared::{MAX_SIGNATURE, PreparedKey};

/// A key with the header of one token type.
#[derive(Debug, Clone)]
pub(super) struct SigningKey {
    /// The key.
    pub(super) key: Arc<PreparedKey>,
    /// The header's JSON text in base64url.
    pub(super) header: Box<str>,
}

impl SigningKey {
    /// With the header's JSON text, exactly as tokens will carry it.
    pub(super) fn new(key: Arc<PreparedKey>, header_json: &str) -> Self {
        Self { key, header: URL_SAFE_NO_PAD.encode(header_json).into_boxed_str() }
    }

    /// The compact JWS (RFC 7515 section 7.1) of the claims, in one allocation.
    pub(super) fn sign(&self, claims_json: &[u8]) -> String {
        let encoded = |bytes: usize| bytes.div_ceil(3) * 4;
        let mut signature = [0; MAX_SIGNATURE];
        let room =
            self.header.len() + 2 + encoded(claims_json.len()) + encoded(self.key.signature_len());
        let mut token = String::with_capacity(room);
        token.push_str(&self.header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims_json, &mut token);
        let len = self.key.sign(token.as_bytes(), &mut signature);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature[..len], &mut token);
        token
    }
}
