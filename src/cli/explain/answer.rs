//! What the story came to: granted with these claims, refused, or not found out. The claims are
//! read from the token that was minted, which is then forgotten: there is no second account of
//! what a token says.

use std::process::ExitCode;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::exchange::ExchangeError;
use crate::sso::SsoValidator;
use crate::support::trace;
use crate::token::{SiteToken, TokenPair};

/// How it ended.
#[derive(Debug)]
pub(super) enum Answer {
    /// With tokens.
    Granted {
        /// By name: what they say and how long they are.
        tokens: Vec<(&'static str, Minted)>,
        /// What was not looked at.
        notes: Vec<&'static str>,
    },
    /// With a refusal.
    Refused(String),
    /// Without knowing.
    Unknown(String),
}

/// A token, taken apart.
#[derive(Debug)]
pub(super) struct Minted {
    pub(super) claims: Map<String, Value>,
    /// The claims' length as JSON, and the token's, in bytes.
    pub(super) claims_bytes: usize,
    pub(super) token_bytes: usize,
}

impl Answer {
    /// Of AnswerHub's story.
    pub(super) fn of_site(minted: Result<SiteToken, ExchangeError>) -> Self {
        minted.map_or_else(
            |error| Self::of_error(&error),
            |site| Self::granted(&[("token", &site.token)], vec![]),
        )
    }

    /// Of AGS'.
    pub(super) fn of_pair(pair: Result<TokenPair, ExchangeError>, by_location: bool) -> Self {
        let mut notes = vec!["the device's limits are not looked at: the device id is made up"];
        if by_location {
            notes.push("the client's location is not looked at: there is no client");
        }
        match pair {
            Ok(pair) => {
                let tokens =
                    [("access token", &pair.access_token), ("refresh token", &pair.refresh_token)];
                Self::granted(&tokens, notes)
            }
            Err(error) => Self::of_error(&error),
        }
    }

    /// Of a credential that is good once.
    pub(super) fn used_up() -> Self {
        let why = "the credential is good once: asking about it would use it up";
        Self::Unknown(why.to_owned())
    }

    /// Of a tenant that speaks nothing.
    pub(super) fn none() -> Self {
        Self::Unknown("the tenant speaks neither answerhub nor ags".to_owned())
    }

    fn granted(tokens: &[(&'static str, &String)], notes: Vec<&'static str>) -> Self {
        let read = |(name, token): &(&'static str, &String)| Some((*name, Minted::read(token)?));
        match tokens.iter().map(read).collect::<Option<_>>() {
            Some(tokens) => Self::Granted { tokens, notes },
            None => Self::Unknown("what was minted is no token".to_owned()),
        }
    }

    fn of_error(error: &ExchangeError) -> Self {
        let text = error.to_string();
        match error {
            ExchangeError::MalformedCredential(_)
            | ExchangeError::Unauthenticated(_)
            | ExchangeError::Evicted
            | ExchangeError::Forbidden(_)
            | ExchangeError::NotFound(_) => Self::Refused(text),
            ExchangeError::Unavailable { .. }
            | ExchangeError::BadUpstream(_)
            | ExchangeError::Internal(_) => Self::Unknown(text),
        }
    }

    /// One-time tickets are known to the server alone, whose store is not opened here: that none
    /// was found is no refusal.
    pub(super) fn without_tickets(self, validator: &Arc<dyn SsoValidator>) -> Self {
        const TICKETS: &str = "session_token";
        let by_list = || trace::noted("recognizes", "kind", TICKETS, "answer");
        match self {
            Self::Refused(_) if validator.kind() == TICKETS || by_list() => Self::Unknown(
                "one-time session tokens are in the server's own store, which is not opened here"
                    .to_owned(),
            ),
            other => other,
        }
    }

    /// As scripts read it.
    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Granted { .. } => 0,
            Self::Refused(_) => 1,
            Self::Unknown(_) => 3,
        })
    }
}

impl Minted {
    fn read(token: &str) -> Option<Self> {
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let Value::Object(members) = serde_json::from_slice(&claims).ok()? else { return None };
        Some(Self { claims: members, claims_bytes: claims.len(), token_bytes: token.len() })
    }
}
