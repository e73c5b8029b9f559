//! `session_token`: Cambio's own one-time tickets. The story that makes one asks a
//! [`TicketSource`] and stores its [`digest`]; the validator looks the digest up and hands it on
//! as a claim, so that the ticket is used up in the step that begins the session, no sooner.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

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

/// How many characters a generated token has.
const LEN: usize = 32;
/// How many of them, at the front, count; the others are random: 36^27 is more than 2^139.
const COUNTED: usize = 5;
/// What they are.
const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// The largest multiple of 36 in a byte; bytes from it on would bias the first characters.
const UNBIASED: u8 = 252;
/// The one text for every ticket that proves nothing.
const GONE: ValidateError =
    ValidateError::Rejected("ticket is unknown, used, expired or another's");

/// The name under which a ticket is stored: the first characters of its text as they are, then the
/// SHA-256 of all of it, cut to fit. What is as it is only counts (see [`TicketSource`]).
#[must_use]
pub fn digest(token: &str) -> OneTimeClaim {
    let text = token.as_bytes();
    let mut name = [0; 32];
    let (order, hashed) = name.split_at_mut(COUNTED);
    order.iter_mut().zip(text).for_each(|(byte, first)| *byte = *first);
    hashed.copy_from_slice(&hash(&SHA256, text).as_ref()[..LEN - COUNTED]);
    OneTimeClaim(name)
}

/// Makes session tokens. Their first characters count up, so that tickets made after each other, which
/// are mostly used after each other, are neighbours in a store's index.
#[derive(Debug, Default)]
pub struct TicketSource(AtomicU32);

impl TicketSource {
    /// A fresh session token: 32 lower-case letters and digits, five that count and 27 that are
    /// uniformly random.
    #[must_use]
    pub fn next(&self, random: &dyn Random) -> SecretString {
        let mut token = String::with_capacity(LEN);
        let mut count = self.0.fetch_add(1, Ordering::Relaxed);
        let mut counted = [0; COUNTED];
        for digit in counted.iter_mut().rev() {
            *digit = ALPHABET[(count % 36) as usize];
            count /= 36;
        }
        token.extend(counted.map(char::from));
        while token.len() < LEN {
            let mut bytes = [0; LEN];
            random.fill(&mut bytes);
            let random = bytes.iter().filter(|&&byte| byte < UNBIASED);
            let chars = random.map(|byte| char::from(ALPHABET[usize::from(byte % 36)]));
            token.extend(chars.take(LEN - token.len()));
        }
        SecretString::new(token)
    }
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

    fn takes_tickets(&self) -> bool {
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
        if !self.recognizes(credential) {
            // No ticket has this form: there is nothing to look up.
            return Err(GONE);
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
            // A user token finishes a sign-on that began with another credential.
            || ticket.sign_on.is_some()
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
            let token = TicketSource::default().next(&First(byte));
            assert_eq!(token.expose().len(), LEN);
            let first = token.expose().as_bytes()[COUNTED];
            if byte < UNBIASED {
                seen[ALPHABET.iter().position(|&a| a == first).unwrap()] += 1;
            } else {
                assert_eq!(first, b'0', "byte {byte} must be passed over");
            }
        }
        assert_eq!(seen, [7; 36]);
    }

    #[test]
    fn names_of_tickets_made_after_each_other_are_in_order_and_tell_nothing_of_the_random_part() {
        let source = TicketSource(AtomicU32::new(35));
        let tokens = [source.next(&SystemRandom), source.next(&SystemRandom)];
        let [first, second] = tokens.each_ref().map(|token| digest(token.expose()).0);
        assert!(first < second);
        assert_eq!((&first[..COUNTED], &second[..COUNTED]), (&b"0000z"[..], &b"00010"[..]));
        assert_ne!(tokens[0].expose()[COUNTED..], tokens[1].expose()[COUNTED..]);
        assert_ne!(&first[COUNTED..], &tokens[0].expose().as_bytes()[COUNTED..]);
    }

    #[test]
    fn the_count_starts_again_where_it_does_not_fit() {
        let source = TicketSource(AtomicU32::new(u32::MAX));
        assert_eq!(source.next(&SystemRandom).expose().len(), LEN);
        assert_eq!(source.next(&SystemRandom).expose()[..COUNTED], *"00000");
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
