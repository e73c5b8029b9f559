//! [`SiteTokens`]: the single JWT of the AnswerHub endpoint, from a validator's verdict.

use std::borrow::Cow;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::domain::{Random, TenantId, Timestamp, Verified};
use crate::token::jws::{KeySet, MAX_TOKEN};
use crate::token::numeric::earliest;
use crate::token::profile::{self, answerhub, standard};
use crate::token::{Jwk, MintError, Profile};

/// Mints and verifies the tokens of a tenant's AnswerHub endpoint.
#[derive(Debug)]
pub struct SiteTokens {
    pub(in crate::token) profile: Profile,
    pub(in crate::token) tenant: TenantId,
    pub(in crate::token) keys: KeySet,
    pub(in crate::token) public: Vec<Jwk>,
    pub(in crate::token) issuer: String,
    pub(in crate::token) audience: String,
    /// Which attributes become claims, in this order.
    pub(in crate::token) attributes: Vec<String>,
    /// The most that the claims may take, in bytes.
    pub(in crate::token) max_claims: usize,
    pub(in crate::token) scope: Option<String>,
    pub(in crate::token) ttl: Duration,
    /// The namespace of user ids that are derived from subjects: the issuer's.
    pub(in crate::token) users: Uuid,
}

/// A minted token.
#[derive(Clone, PartialEq, Eq)]
pub struct SiteToken {
    /// The compact JWS.
    pub token: String,
    /// Seconds until it expires.
    pub expires_in: i64,
}

impl SiteTokens {
    /// A token for a verified identity: it lives for the configured time or as long as the
    /// upstream session, whichever is shorter.
    ///
    /// A user without an id of its own gets a version-5 UUID of issuer and subject: the same
    /// one every time, and another one on another site. An id that is no UUID is kept as it is.
    ///
    /// # Errors
    /// [`MintError`].
    pub fn mint(
        &self,
        who: &Verified,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<SiteToken, MintError> {
        let exp = earliest(now.plus(self.ttl), who.expires_at.unwrap_or(Timestamp::MAX));
        if exp <= now {
            return Err(MintError::AlreadyExpired);
        }
        let mut claims = self.claims(who, now, exp, random.uuid());
        profile::extend(&mut claims, &self.attributes, &who.attributes);
        if claims.len() > self.max_claims {
            return Err(MintError::ClaimsTooLarge { bytes: claims.len(), max: self.max_claims });
        }
        let token = self.keys.sign(&claims);
        if token.len() > MAX_TOKEN {
            return Err(MintError::TooLong);
        }
        Ok(SiteToken { token, expires_in: exp.since(now) })
    }

    /// The public keys that verify its tokens; none when they are shared secrets.
    #[must_use]
    pub fn public_keys(&self) -> &[Jwk] {
        &self.public
    }

    fn claims(&self, who: &Verified, iat: Timestamp, exp: Timestamp, jti: Uuid) -> Vec<u8> {
        let sub = who.subject.as_str();
        let user = match &who.user_id {
            Some(id) => Cow::Borrowed(id.as_str()),
            None => Cow::Owned(Uuid::new_v5(&self.users, sub.as_bytes()).to_string()),
        };
        let (iss, aud, roles) = (self.issuer.as_str(), self.audience.as_str(), &*who.roles);
        if self.profile == Profile::Answerhub {
            let user = answerhub::user(&user);
            return answerhub::Claims { sub, user, iat, iss, aud, jti, exp, roles }.to_json();
        }
        let sid = who.session_id.as_deref().map(digest_text);
        let (client_id, tid, scope) = (&self.tenant, &self.tenant, self.scope.as_deref());
        let (auth_time, uid) = (iat, &*user);
        standard::SiteClaims {
            iss,
            sub,
            aud,
            client_id,
            iat,
            exp,
            jti,
            tid,
            sid,
            scope,
            roles,
            auth_time,
            uid,
        }
        .to_json()
    }
}

/// An upstream session's id as a token may show it.
fn digest_text(id: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, id.as_bytes()))
}
