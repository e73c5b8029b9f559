//! [`SessionTokens`]: the access and refresh pair of the AGS endpoint, from a session as the
//! store remembers it.

use std::time::Duration;

use crate::domain::Timestamp;
use crate::session::Session;
use crate::token::jws::KeySet;
use crate::token::numeric::earliest;
use crate::token::presented::{PairId, Sid, StandardJti};
use crate::token::profile::{ags, standard};
use crate::token::{Jwk, Profile};

/// Mints and verifies the token pairs of a tenant's AGS endpoint.
#[derive(Debug)]
pub struct SessionTokens {
    pub(in crate::token) profile: Profile,
    pub(in crate::token) access: KeySet,
    pub(in crate::token) refresh: KeySet,
    pub(in crate::token) public: Vec<Jwk>,
    pub(in crate::token) issuer: String,
    pub(in crate::token) audience: String,
    pub(in crate::token) scope: Option<String>,
    pub(in crate::token) lifetimes: Lifetimes,
    pub(in crate::token) session_control: ags::SessionControl,
}

/// How long the tokens of a session live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// An access token, from its issue.
    pub access: Duration,
    /// A refresh token, from its issue.
    pub refresh: Duration,
    /// The whole session, from its sign-on.
    pub fixed: Duration,
}

/// A minted pair. The times are seconds from the `now` it was minted at.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenPair {
    /// Good at APIs.
    pub access_token: String,
    /// Good at refresh only.
    pub refresh_token: String,
    /// Until the access token expires.
    pub expires_in: i64,
    /// Until the refresh token expires.
    pub refresh_expires_in: i64,
    /// Until the session ends, however often it is refreshed.
    pub fixed_refresh_expires_in: i64,
}

impl SessionTokens {
    /// The pair of the session's current generation. It depends on the session and the keys
    /// alone (with HMAC and Ed25519 to the last byte), so a retried refresh gets it again;
    /// `now` only tells how long it still lives.
    #[must_use]
    pub fn mint_pair(&self, session: &Session, now: Timestamp) -> TokenPair {
        let fixed_exp = earliest(session.id.ends_at, Timestamp::MAX);
        let access_exp = earliest(session.issued_at.plus(self.lifetimes.access), fixed_exp);
        let refresh_exp = earliest(session.expires_at, fixed_exp);
        let (access, refresh) = match self.profile {
            Profile::Standard => (
                self.standard(session, access_exp, false),
                self.standard(session, refresh_exp, true),
            ),
            Profile::Ags | Profile::Answerhub => {
                let pair = self.ags(session);
                (pair.access(access_exp), pair.refresh(refresh_exp))
            }
        };
        TokenPair {
            access_token: self.access.sign(&access),
            refresh_token: self.refresh.sign(&refresh),
            expires_in: access_exp.since(now).max(0),
            refresh_expires_in: refresh_exp.since(now).max(0),
            fixed_refresh_expires_in: fixed_exp.since(now).max(0),
        }
    }

    /// How long what it mints lives.
    #[must_use]
    pub fn lifetimes(&self) -> Lifetimes {
        self.lifetimes
    }

    /// The public keys that verify its tokens; none when they are shared secrets.
    #[must_use]
    pub fn public_keys(&self) -> &[Jwk] {
        &self.public
    }

    fn ags<'a>(&self, session: &'a Session) -> ags::Pair<'a> {
        let account = &session.facts.account;
        let mut session_control = self.session_control;
        if let Some(max) = account.max_sessions {
            session_control.max_sessions = max;
        }
        ags::Pair {
            tenant: &session.tenant,
            account,
            device: &session.device,
            device_class: session.device_class.as_deref(),
            on_network: session.facts.on_network,
            jti: PairId { number: session.id.number, generation: session.generation },
            session_control,
            fixed_exp: session.id.ends_at,
        }
    }

    fn standard(&self, session: &Session, exp: Timestamp, refresh: bool) -> Vec<u8> {
        let sid = Sid(session.id);
        let account = &session.facts.account;
        standard::SessionClaims {
            iss: &self.issuer,
            sub: &account.user_id,
            aud: if refresh { &self.issuer } else { &self.audience },
            client_id: &session.device,
            iat: session.issued_at,
            exp,
            jti: StandardJti { sid, generation: session.generation, refresh },
            tid: &session.tenant,
            sid,
            scope: self.scope.as_deref(),
            roles: (!refresh).then_some(&*account.roles),
            auth_time: session.facts.authenticated_at,
            acc: &account.id,
        }
        .to_json()
    }
}
