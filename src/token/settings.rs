//! What the configuration says about an endpoint's tokens; `plan.rs` says what can be wrong with it.

use serde::Deserialize;

use super::{Algorithm, ImportedKey, Profile};
use crate::domain::setting::HumanDuration;

/// The tokens of one endpoint of a tenant.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSettings {
    /// `answerhub` by default on the AnswerHub endpoint, `ags` on the AGS one; either may be
    /// `standard`.
    #[serde(default)]
    pub profile: Option<Profile>,
    /// The signature algorithm; the vendors' profiles have one each, `standard` has ES256 by
    /// default.
    #[serde(default)]
    pub algorithm: Option<Algorithm>,
    /// Claim `iss`: the site's URL.
    #[serde(default)]
    pub issuer: Option<String>,
    /// Claim `aud`; the issuer by default.
    #[serde(default)]
    pub audience: Option<String>,
    /// Keys that the operator brings; without them Cambio makes its own and keeps them.
    #[serde(default)]
    pub keys: Option<Vec<ImportedKey>>,
    /// How long a token of the AnswerHub endpoint lives (6 hours).
    #[serde(default)]
    pub ttl: Option<HumanDuration>,
    /// How long an access token lives (1 hour).
    #[serde(default)]
    pub access_ttl: Option<HumanDuration>,
    /// How long a refresh token lives (2 days).
    #[serde(default)]
    pub refresh_ttl: Option<HumanDuration>,
    /// How long a session lives however often it is refreshed (30 days).
    #[serde(default)]
    pub fixed_ttl: Option<HumanDuration>,
    /// Claim `sessionControl.maxSessions` of accounts that have none of their own (3).
    #[serde(default)]
    pub max_sessions: Option<u32>,
    /// Claim `sessionControl.sessionControlEnabled` (true).
    #[serde(default)]
    pub session_control_enabled: Option<bool>,
    /// Which of the session's attributes become claims, under their own names (none). AnswerHub
    /// endpoint only.
    #[serde(default)]
    pub attributes: Vec<String>,
    /// The most that a token's claims may take as JSON, in bytes (4096).
    #[serde(default)]
    pub max_claims_bytes: Option<usize>,
    /// Claim `scope` of the `standard` profile: scopes with spaces between (RFC 6749 section 3.3).
    #[serde(default)]
    pub scope: Option<String>,
}
