//! AnswerHub: a cookie, or a user name and password, in; a JWT out (contract A.1).

use super::tenant::{AnswerHub, Service, Tenant};
use super::{ExchangeCx, ExchangeError, note_verdict};
use crate::domain::Credential;
use crate::token::SiteToken;

/// Mints a site token for whoever the credential belongs to.
///
/// 1. Ask the service's validator whose it is.
/// 2. Mint a token that does not outlive the SSO session.
///
/// A token is issued to any valid user; roles are enforced where it is used.
///
/// # Errors
/// `MalformedCredential`, `Unauthenticated`, `Unavailable`, `BadUpstream`.
pub async fn exchange(
    tenant: &Tenant,
    answerhub: &AnswerHub,
    service: &Service,
    credential: &Credential,
    cx: &ExchangeCx<'_>,
) -> Result<SiteToken, ExchangeError> {
    let validate_cx = cx.validate(&tenant.id, &service.name);
    let verdict = service.validator.validate(credential, &validate_cx).await;
    note_verdict(&*service.validator, &verdict);
    let who = verdict?;
    if who.claim.is_some() {
        // A one-time credential can only be claimed together with a session.
        return Err(ExchangeError::Unauthenticated("one-time credential at a site sign-on".into()));
    }
    Ok(answerhub.tokens.mint(&who, cx.now, cx.random)?)
}
