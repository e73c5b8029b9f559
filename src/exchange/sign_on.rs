//! AGS `signOn`: a user name and password, or whatever else the service's validator takes, in;
//! tokens out, or the accounts to choose from (contract B.4).

use super::begin::{SignOn, begin};
use super::tenant::{Ags, Service, Tenant};
use super::{DeviceInput, ExchangeCx, ExchangeError, Forbidden};
use crate::account::{Account, AccountError};
use crate::domain::{Credential, SecretString};
use crate::session::{PendingSignOn, Session, Ticket, UpstreamSession};
use crate::sso;
use crate::token::TokenPair;

/// The most accounts that a user is asked to choose from. The directories that ask others refuse to
/// hear of more; those that keep or are told a list do not.
const MAX_CHOICES: usize = 64;

/// How a sign-on went.
pub enum SignedOn {
    /// It has begun a session.
    Session(Box<(Session, TokenPair)>),
    /// Several accounts match: the user is to choose.
    Choices(Vec<Choice>),
}

/// An account to choose.
#[derive(Debug)]
pub struct Choice {
    /// The account.
    pub account: Account,
    /// The one-time `User-Token` that signs on to it, and on this device only.
    pub user_token: SecretString,
}

/// Signs a user on.
///
/// 1. Ask the service's validator whose the credential is.
/// 2. Find the accounts; those that are not active are no choice.
/// 3. If there is one, begin the session, and mint its pair: `begin.rs`.
/// 4. If there are several, the client's location must be allowed for one of them at least.
///    Remember for each that its user has signed on with this device, under the digest of a
///    fresh random token. Of more than 64 the first are offered, and the audit log says so.
///
/// # Errors
/// `Unauthenticated`, `Forbidden`, `NotFound`, `Unavailable`, `BadUpstream`.
pub async fn exchange(
    tenant: &Tenant,
    ags: &Ags,
    service: &Service,
    credential: &Credential,
    device: DeviceInput,
    cx: &ExchangeCx<'_>,
) -> Result<SignedOn, ExchangeError> {
    let validate_cx = cx.validate(&tenant.id, &service.name);
    let verdict = service.validator.validate(credential, &validate_cx).await;
    let who = verdict.map_err(ExchangeError::proves_nobody)?;

    let mut accounts = service.accounts.matching(&tenant.id, &who).await?;
    let active = |account: &Account| Forbidden::unless_active(account.state).is_ok();
    if accounts.iter().any(active) {
        accounts.retain(active);
    } else {
        // One is enough to say why not.
        accounts.truncate(1);
    }
    let upstream = sso::session_digest(&who, credential, &validate_cx).map(UpstreamSession);
    if accounts.len() < 2 {
        let account = accounts.pop().ok_or(AccountError::Unknown)?;
        let sign_on = SignOn::of(&who, account, device, upstream, cx);
        let begun = begin(tenant, ags, service, sign_on, cx).await?;
        return Ok(SignedOn::Session(Box::new(begun)));
    }

    if who.claim.is_some() {
        // It can only be claimed together with a session, and for one account.
        return Err(Forbidden::SeveralAccounts.into());
    }
    let allowed = |a: &Account| ags.location.check(&cx.client, a.geo_block_exempt);
    if let Some(Err(refused)) = accounts.iter().map(allowed).reduce(Result::or) {
        return Err(refused.into());
    }
    if accounts.len() > MAX_CHOICES {
        tracing::warn!(
            target: "cambio::audit",
            { tenant.id = %tenant.id,
              service.name = %service.name,
              accounts = accounts.len(),
              offered = MAX_CHOICES },
            "more accounts than a user is asked to choose from"
        );
    }
    let expires_at = cx.now.plus(ags.user_token_ttl);
    let mut choices = Vec::with_capacity(accounts.len().min(MAX_CHOICES));
    for account in accounts.into_iter().take(MAX_CHOICES) {
        let user_token = ags.tickets.next(cx.random);
        let ticket = Ticket {
            tenant: tenant.id.clone(),
            service: service.name.clone(),
            account: account.id.clone(),
            expires_at,
            sign_on: Some(Box::new(PendingSignOn {
                account: account.clone(),
                device: device.clone(),
                authenticated_at: cx.now,
                upstream,
                upstream_ends_at: who.expires_at,
            })),
        };
        choices.push((Choice { account, user_token }, ticket));
    }
    // Together, so that a store that commits many at once does.
    let puts = choices.iter().map(|(choice, ticket)| {
        ags.store.put_ticket(sso::ticket_digest(choice.user_token.expose()), ticket.clone())
    });
    futures_util::future::try_join_all(puts).await?;
    Ok(SignedOn::Choices(choices.into_iter().map(|(choice, _)| choice).collect()))
}
