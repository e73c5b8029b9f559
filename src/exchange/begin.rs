//! The end that every AGS sign-on comes to, however its user proved who they are: checks of the
//! account and the place, the one step that begins the session, and its first pair.

use super::tenant::{Ags, Service, Tenant};
use super::{DeviceInput, ExchangeCx, ExchangeError, Forbidden};
use crate::account::Account;
use crate::domain::identity::OneTimeClaim;
use crate::domain::{DeviceId, Random, Timestamp, Verified};
use crate::session::{
    BeginError, Begun, Device, DeviceRequest, DeviceState, Facts, NewSession, Session, SessionId,
    UpstreamSession,
};
use crate::token::TokenPair;

/// Tries before giving up on finding free identifiers; one collision takes two nodes that begin
/// sessions with the same count and end, and then luck against 23 random bits.
const ID_TRIES: usize = 4;

/// A sign-on whose user and account are known.
pub(super) struct SignOn {
    pub(super) account: Account,
    pub(super) device: DeviceInput,
    /// When the user proved who they are.
    pub(super) authenticated_at: Timestamp,
    pub(super) upstream: Option<UpstreamSession>,
    /// When the SSO session ends; nothing minted outlives it.
    pub(super) upstream_ends_at: Option<Timestamp>,
    /// The one-time credential that is used up with it.
    pub(super) claim: Option<OneTimeClaim>,
}

impl SignOn {
    /// Of what a validator has said just now.
    pub(super) fn of(
        who: &Verified,
        account: Account,
        device: DeviceInput,
        upstream: Option<UpstreamSession>,
        cx: &ExchangeCx<'_>,
    ) -> Self {
        Self {
            account,
            device,
            authenticated_at: cx.now,
            upstream,
            upstream_ends_at: who.expires_at,
            claim: who.claim,
        }
    }
}

/// Begins a session.
///
/// 1. The account must be active.
/// 2. The client's location must be allowed, unless the account is exempt.
/// 3. In one atomic step: claim the one-time credential, register or find the device within its
///    limits, make room within the account's session limit and begin the session. A call that
///    fails before burns nothing; of two racing calls one fails here.
/// 4. Mint the pair; nothing in it outlives the SSO session.
///
/// # Errors
/// `Unauthenticated`, `Forbidden`, `Unavailable`.
pub(super) async fn begin(
    tenant: &Tenant,
    ags: &Ags,
    service: &Service,
    sign_on: SignOn,
    cx: &ExchangeCx<'_>,
) -> Result<(Session, TokenPair), ExchangeError> {
    Forbidden::unless_active(sign_on.account.state)?;
    ags.location.check(&cx.client, sign_on.account.geo_block_exempt)?;
    let ends_at = end(&sign_on, ags, cx)?;
    let facts = facts(sign_on.account, sign_on.authenticated_at, ags, cx);
    ags.tokens.check_claims(&tenant.id, &facts)?;
    let refresh = ags.tokens.lifetimes().refresh;
    let new = || NewSession {
        id: SessionId { ends_at, number: ags.numbers.next(cx.random) },
        tenant: tenant.id.clone(),
        service: service.name.clone(),
        device: device_request(&sign_on.device, ags, &facts, cx),
        expires_at: ends_at.min(cx.now.plus(refresh)),
        facts: facts.clone(),
        claim: sign_on.claim,
        upstream: sign_on.upstream,
        limit: ags.sessions.limit(),
    };
    let mut begun = ags.store.begin(new(), cx.now).await;
    for _ in 1..ID_TRIES {
        if begun != Err(BeginError::Conflict) {
            break;
        }
        begun = ags.store.begin(new(), cx.now).await;
    }
    let Begun { session, evicted } = begun?;
    if !evicted.is_empty() {
        tracing::info!(
            target: "cambio::audit",
            { tenant.id = %tenant.id,
              account.id = %session.facts.account.id,
              sessions = evicted.len() },
            "sessions evicted by a newer one"
        );
    }

    let pair = ags.tokens.mint_pair(&session, cx.now);
    Ok((session, pair))
}

/// The pair that [`begin`] would answer, for `explain`, on a session that is not begun and a device that
/// is not registered. The location, which nobody has here, and the limits are not looked at.
///
/// # Errors
/// As [`begin`], but for the store's.
pub(super) fn rehearse(
    tenant: &Tenant,
    ags: &Ags,
    service: &Service,
    sign_on: SignOn,
    cx: &ExchangeCx<'_>,
) -> Result<TokenPair, ExchangeError> {
    Forbidden::unless_active(sign_on.account.state)?;
    let ends_at = end(&sign_on, ags, cx)?;
    let facts = facts(sign_on.account, sign_on.authenticated_at, ags, cx);
    ags.tokens.check_claims(&tenant.id, &facts)?;
    let session = Session {
        id: SessionId { ends_at, number: 0 },
        tenant: tenant.id.clone(),
        service: service.name.clone(),
        device: fresh_device_id(&ags.device_id_prefix, cx.random),
        device_class: None,
        generation: 1,
        begun_at: cx.now,
        issued_at: cx.now,
        expires_at: ends_at.min(cx.now.plus(ags.tokens.lifetimes().refresh)),
        facts,
        upstream: None,
    };
    Ok(ags.tokens.mint_pair(&session, cx.now))
}

/// When the session ends at the latest.
fn end(sign_on: &SignOn, ags: &Ags, cx: &ExchangeCx<'_>) -> Result<Timestamp, ExchangeError> {
    let fixed = cx.now.plus(ags.tokens.lifetimes().fixed);
    let ends_at = sign_on.upstream_ends_at.map_or(fixed, |sso| fixed.min(sso));
    if ends_at <= cx.now {
        return Err(ExchangeError::Unauthenticated("sso session is already over".into()));
    }
    Ok(ends_at)
}

fn facts(account: Account, authenticated_at: Timestamp, ags: &Ags, cx: &ExchangeCx<'_>) -> Facts {
    Facts { account, on_network: ags.location.on_network(&cx.client), authenticated_at }
}

fn device_request(
    input: &DeviceInput,
    ags: &Ags,
    facts: &Facts,
    cx: &ExchangeCx<'_>,
) -> DeviceRequest {
    match input {
        DeviceInput::Existing(id) => DeviceRequest::Existing(id.clone()),
        DeviceInput::New { class, information } => DeviceRequest::Register {
            device: Device {
                id: fresh_device_id(&ags.device_id_prefix, cx.random),
                account: facts.account.id.clone(),
                name: None,
                class: class.clone(),
                information: information.clone(),
                state: DeviceState::Active,
                registered_at: cx.now,
            },
            limits: ags.devices.limits(&facts.account, class.as_deref()),
        },
    }
}

/// The configured prefix and a random number of 63 bits; decimal, as the vendor's are.
#[expect(clippy::expect_used, reason = "the prefix is checked at boot to leave room for digits")]
fn fresh_device_id(prefix: &str, random: &dyn Random) -> DeviceId {
    DeviceId::parse(&format!("{prefix}{}", random.u64() >> 1))
        .expect("prefix and digits are visible")
}
