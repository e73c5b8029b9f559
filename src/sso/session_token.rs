//! `session_token`: Cambio's own one-time tickets. The story that makes one calls
//! [`generate`] and stores its [`digest`]; the validator looks the digest up and hands it on
//! as a claim, so that the ticket is used up in the step that begins the session, no sooner.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest as hash};
use serde::Deserialize;

use super::credential::WRONG_KIND;
use super::{SsoValidator, ValidateCx, ValidateError};
use crate::domain::identity::OneTimeClaim;
use crate::domain::{
    AssertedAccount, Credential, CredentialKind, Random, SecretString, Subject, Verified,
};
use crate::session::TicketStore;

/// How many characters a generated token has: 36^32 is more than 2^165.
const LEN: usize = 32;
/// What they are.
const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
/// The largest multiple of 36 in a byte; bytes from it on would bias the first characters.
const UNBIASED: u8 = 252;
/// The one text for every ticket that proves nothing.
const GONE: ValidateError =
    ValidateError::Rejected("ticket is unknown, used, expired or another's");

/// The name under which a ticket is stored: the SHA-256 of its text.
#[must_use]
pub fn digest(token: &str) -> OneTimeClaim {
    let mut name = [0; 32];
    name.copy_from_slice(hash(&SHA256, token.as_bytes()).as_ref());
    OneTimeClaim(name)
}

/// A fresh session token: 32 lower-case letters and digits, uniformly random.
#[must_use]
pub fn generate(random: &dyn Random) -> SecretString {
    let mut token = String::with_capacity(LEN);
    while token.len() < LEN {
        let mut bytes = [0; LEN];
        random.fill(&mut bytes);
        let chars = bytes.iter().filter(|&&b| b < UNBIASED).map(|b| ALPHABET[usize::from(b % 36)]);
        token.extend(chars.take(LEN - token.len()).map(char::from));
    }
    SecretString::new(token)
}

/// The `session_token` table: nothing to set; lifetimes belong to who makes tickets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {}

impl Settings {
    pub(super) fn build(self, tickets: Arc<dyn TicketStore>) -> Arc<dyn SsoValidator> {
        Arc::new(SessionToken { tickets })
    }
}

struct SessionToken {
    tickets: Arc<dyn TicketStore>,
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionToken").finish_non_exhaustive()
    }
}

#[async_trait]
impl SsoValidator for SessionToken {
    fn kind(&self) -> &'static str {
        "session_token"
    }

    fn accepts(&self, kind: CredentialKind) -> bool {
        kind == CredentialKind::Token
    }

    fn recognizes(&self, credential: &Credential) -> bool {
        let Credential::Token(token) = credential else { return false };
        let token = token.expose().as_bytes();
        token.len() == LEN && token.iter().all(|byte| ALPHABET.contains(byte))
    }

    fn is_selective(&self) -> bool {
        true
    }

    async fn validate(
        &self,
        credential: &Credential,
        cx: &ValidateCx<'_>,
    ) -> Result<Verified, ValidateError> {
        let Credential::Token(token) = credential else { return Err(WRONG_KIND) };
        let token = token.expose();
        if !(8..=512).contains(&token.len()) || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ValidateError::Malformed("it is not 8 to 512 printable characters"));
        }
        let claim = digest(token);
        let found =
            tokio::time::timeout_at(cx.deadline.into(), self.tickets.peek_ticket(claim, cx.now));
        let ticket = match found.await {
            Ok(Ok(found)) => found.ok_or(GONE)?,
            Ok(Err(error)) => return Err(ValidateError::unavailable(error.to_string())),
            Err(_) => return Err(ValidateError::unavailable("session store takes too long")),
        };
        if ticket.tenant != *cx.tenant
            || ticket.service != *cx.service
            || ticket.expires_at <= cx.now
        {
            return Err(GONE);
        }
        let subject = Subject::parse(ticket.account.as_str()).map_err(|_| GONE)?;
        Ok(Verified {
            accounts: vec![AssertedAccount { id: ticket.account, user_id: None }],
            claim: Some(claim),
            ..Verified::subject_only(subject)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SystemRandom;
    use proptest::prelude::*;

    /// One byte, then zeros.
    #[derive(Debug)]
    struct First(u8);

    impl Random for First {
        fn fill(&self, buf: &mut [u8]) {
            buf.fill(0);
            buf[0] = self.0;
        }
    }

    #[test]
    fn every_character_stands_for_as_many_byte_values() {
        let mut seen = [0_u32; 36];
        for byte in 0..=u8::MAX {
            let token = generate(&First(byte));
            assert_eq!(token.expose().len(), LEN);
            let first = token.expose().as_bytes()[0];
            if byte < UNBIASED {
                seen[ALPHABET.iter().position(|&a| a == first).unwrap()] += 1;
            } else {
                assert_eq!(first, b'a', "byte {byte} must be passed over");
            }
        }
        assert_eq!(seen, [7; 36]);
        assert_ne!(generate(&SystemRandom).expose(), generate(&SystemRandom).expose());
    }

    proptest! {
        #[test]
        fn different_tokens_have_different_digests(a in "[a-z0-9]{32}", at in 0_usize..32) {
            let mut b = a.clone().into_bytes();
            b[at] ^= 1;
            prop_assert_ne!(digest(&a), digest(&String::from_utf8(b).unwrap()));
        }
    }
}
