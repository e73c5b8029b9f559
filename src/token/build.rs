//! Builds [`SiteTokens`] and [`SessionTokens`] from their settings: takes the operator's
//! keys, or loads (and on the first start makes) the ring that Cambio keeps. Called by
//! `app` at boot; nothing is written to the store unless the settings are good.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use super::jws::KeySet;
use super::plan::Plan;
use super::prepared::PreparedKey;
use super::profile::TokenType;
use super::profile::ags::SessionControl;
use super::signer::SigningKey;
use super::{Jwk, Profile, Sealing, SessionTokens, SiteTokens, TokenSettings, ring};
use crate::domain::setting::{Problems, join};
use crate::domain::{Random, TenantId, Timestamp};
use crate::session::KeyStore;

/// What building tokens may need from the outside.
pub struct KeyCx<'a> {
    /// Where key rings are.
    pub store: Arc<dyn KeyStore>,
    /// How key rings are sealed.
    pub sealing: &'a Sealing,
    /// Where new secrets come from.
    pub random: Arc<dyn Random>,
    /// The current time.
    pub now: Timestamp,
}

impl fmt::Debug for KeyCx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCx").field("now", &self.now).finish_non_exhaustive()
    }
}

impl TokenSettings {
    /// Builds the tokens of the AnswerHub endpoint; its keys are kept as `<tenant>/site`.
    pub async fn site(
        self,
        path: &str,
        tenant: &TenantId,
        cx: &KeyCx<'_>,
        problems: &mut Problems,
    ) -> Option<SiteTokens> {
        let (plan, ttl) = self.plan_site(path, problems)?;
        let keys = plan.keys(&format!("{tenant}/site"), path, cx, problems).await?;
        Some(SiteTokens {
            profile: plan.profile,
            tenant: tenant.clone(),
            public: public(&keys),
            keys: key_set(&keys, plan.profile, TokenType::Access)?,
            users: Uuid::new_v5(&Uuid::NAMESPACE_URL, plan.issuer.as_bytes()),
            issuer: plan.issuer,
            audience: plan.audience,
            attributes: self.attributes,
            max_claims: plan.max_claims,
            scope: self.scope,
            ttl,
        })
    }

    /// Builds the tokens of the AGS endpoint; its keys are kept as `<tenant>/session`.
    pub async fn session(
        self,
        path: &str,
        tenant: &TenantId,
        cx: &KeyCx<'_>,
        problems: &mut Problems,
    ) -> Option<SessionTokens> {
        let (plan, lifetimes) = self.plan_session(path, problems)?;
        let keys = plan.keys(&format!("{tenant}/session"), path, cx, problems).await?;
        Some(SessionTokens {
            profile: plan.profile,
            public: public(&keys),
            access: key_set(&keys, plan.profile, TokenType::Access)?,
            refresh: key_set(&keys, plan.profile, TokenType::Refresh)?,
            issuer: plan.issuer,
            audience: plan.audience,
            max_claims: plan.max_claims,
            scope: self.scope,
            lifetimes,
            session_control: SessionControl {
                max_sessions: self.max_sessions.unwrap_or(3),
                session_control_enabled: self.session_control_enabled.unwrap_or(true),
            },
        })
    }
}

impl Plan {
    /// The keys, the one that signs first.
    async fn keys(
        &self,
        name: &str,
        path: &str,
        cx: &KeyCx<'_>,
        problems: &mut Problems,
    ) -> Option<Vec<Arc<PreparedKey>>> {
        match &self.imported {
            Some(keys) => Some(keys.clone()),
            None => {
                let ring = ring::load_or_make(name, self.profile, self.alg, cx).await;
                problems.ok(&join(path, "keys"), ring)
            }
        }
    }
}

fn key_set(keys: &[Arc<PreparedKey>], profile: Profile, kind: TokenType) -> Option<KeySet> {
    let with_header = |key: &Arc<PreparedKey>| {
        let header = profile.header(kind, key);
        SigningKey::new(Arc::clone(key), &header)
    };
    KeySet::new(keys.iter().map(with_header).collect())
}

fn public(keys: &[Arc<PreparedKey>]) -> Vec<Jwk> {
    keys.iter().filter_map(|key| key.jwk()).collect()
}
