//! [`SessionTokens`]: the access and refresh pair of the AGS endpoint, from a session as the
//! store remembers it.

use std::time::Duration;

use crate::account::Account;
use crate::domain::{DeviceId, ServiceName, TenantId, Timestamp};
use crate::session::{Facts, LAST_GENERATION, Session, SessionId};
use crate::token::jws::KeySet;
use crate::token::numeric::earliest;
use crate::token::presented::{PairId, Sid, StandardJti};
use crate::token::profile::{ags, standard};
use crate::token::{Jwk, MintError, Profile};

/// What the claims take besides those of the account, at the most: ids, times, names.
const OTHER_CLAIMS: usize = 1792;
/// The latest time that a token can name.
const LATEST: Timestamp = Timestamp::from_secs(253_402_300_799);

/// Mints and verifies the token pairs of a tenant's AGS endpoint.
#[derive(Debug)]
pub struct SessionTokens {
    pub(in crate::token) profile: Profile,
    pub(in crate::token) access: KeySet,
    pub(in crate::token) refresh: KeySet,
    pub(in crate::token) public: Vec<Jwk>,
    pub(in crate::token) issuer: String,
    pub(in crate::token) audience: String,
    /// The most that the claims of a token may take, in bytes.
    pub(in crate::token) max_claims: usize,
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

    /// Whether the claims of a pair with these facts keep to the limit; asked before a session is
    /// begun or goes on, so that nobody has a session without tokens. Ids that are not known yet
    /// count as long as they can be. Facts that cannot come near the limit are not written out.
    ///
    /// # Errors
    /// [`MintError::ClaimsTooLarge`].
    pub fn check_claims(&self, tenant: &TenantId, facts: &Facts) -> Result<(), MintError> {
        if most_bytes(&facts.account) <= self.max_claims {
            return Ok(());
        }
        let Ok(longest) = DeviceId::parse(&"0".repeat(DeviceId::MAX_LEN)) else { return Ok(()) };
        let Ok(service) = ServiceName::parse("any") else { return Ok(()) };
        let session = Session {
            id: SessionId { ends_at: LATEST, number: SessionId::NUMBER_LIMIT - 1 },
            tenant: tenant.clone(),
            service,
            device: longest,
            device_class: None,
            generation: LAST_GENERATION,
            begun_at: LATEST,
            issued_at: LATEST,
            expires_at: LATEST,
            facts: facts.clone(),
            upstream: None,
        };
        let access = match self.profile {
            Profile::Standard => self.standard(&session, LATEST, false),
            Profile::Ags | Profile::Answerhub => self.ags(&session).access(LATEST),
        };
        if access.len() > self.max_claims {
            return Err(MintError::ClaimsTooLarge { bytes: access.len(), max: self.max_claims });
        }
        Ok(())
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

/// More than what an access token's claims can take for this account, without writing them:
/// no byte of a text takes more than six in JSON. Accounts with documents in them are not guessed at.
fn most_bytes(account: &Account) -> usize {
    let documents = !account.filtering.is_empty()
        || !account.blocking.is_empty()
        || account.parental_control.is_some();
    if documents {
        return usize::MAX;
    }
    let texts = account.id.as_str().len()
        + account.user_id.len()
        + account.profile_id.len()
        + account.billing_country.as_ref().map_or(0, String::len)
        + account.roles.iter().map(|role| role.len() + 1).sum::<usize>();
    OTHER_CLAIMS + 6 * texts
}
