//! AnswerHub: whose token is this? (contract A.3)

use super::tenant::AnswerHub;
use super::{ExchangeCx, ExchangeError};
use crate::token::SiteClaims;

/// The user that a site token speaks for.
///
/// 1. Verify the token: signature, type, issuer, expiry.
/// 2. Demand the role that makes it good for API use.
///
/// # Errors
/// `Unauthenticated`, for a missing role as well: the vendor answers 401, not 403.
pub fn exchange(
    answerhub: &AnswerHub,
    token: &str,
    cx: &ExchangeCx<'_>,
) -> Result<SiteClaims, ExchangeError> {
    let user = answerhub.tokens.verify(token, cx.now)?;
    if !user.roles.contains(&answerhub.required_role) {
        return Err(ExchangeError::Unauthenticated("user lacks the role for API use".into()));
    }
    Ok(user)
}
