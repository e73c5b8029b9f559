//! AGS `signOnWithSessionToken`: a session token in, an access and a refresh token out
//! (contract B.3).

use super::tenant::{Ags, Service, Tenant};
use super::{ExchangeCx, ExchangeError, Forbidden};
use crate::domain::{Credential, DeviceId, Random};
use crate::session::{
    BeginError, Device, DeviceLimits, DeviceRequest, DeviceState, Facts, NewSession, Session,
    SessionId,
};
use crate::token::TokenPair;

/// Tries before giving up on finding free identifiers; one collision takes two nodes that begin
/// sessions with the same count and end, and then luck against 23 random bits.
const ID_TRIES: usize = 4;

/// What the client says of its device.
#[derive(Debug, Clone)]
pub enum DeviceInput {
    /// `deviceInformation`: register a new device.
    Information {
        /// `playoutDeviceClass`.
        class: Option<String>,
        /// What is kept of it, as a JSON object.
        json: String,
    },
    /// `clientId`: one that is registered.
    ClientId(DeviceId),
}

/// Signs a device on.
///
/// 1. Ask the service's validator whose the session token is, without using it up.
/// 2. Find the account; it must be active.
/// 3. The client's location must be allowed, unless the account is exempt.
/// 4. In one atomic step: claim the session token, register or find the device within its
///    limits, and begin the session. A call that fails before burns nothing; of two racing
///    calls one fails here.
/// 5. Mint the pair; nothing in it outlives the SSO session.
///
/// # Errors
/// `Unauthenticated`, `Forbidden`, `NotFound`, `Unavailable`, `BadUpstream`.
pub async fn exchange(
    tenant: &Tenant,
    ags: &Ags,
    service: &Service,
    credential: &Credential,
    device: &DeviceInput,
    cx: &ExchangeCx<'_>,
) -> Result<(Session, TokenPair), ExchangeError> {
    let validate_cx = cx.validate(&tenant.id, &service.name);
    let verdict = service.validator.validate(credential, &validate_cx).await;
    let who = verdict.map_err(ExchangeError::proves_nobody)?;

    let account = service.accounts.resolve(&tenant.id, &who).await?;
    Forbidden::unless_active(account.state)?;

    ags.location.check(&cx.client, account.geo_block_exempt)?;

    let lifetimes = ags.tokens.lifetimes();
    let fixed = cx.now.plus(lifetimes.fixed);
    let ends_at = who.expires_at.map_or(fixed, |sso| fixed.min(sso));
    if ends_at <= cx.now {
        return Err(ExchangeError::Unauthenticated("sso session is already over".into()));
    }
    let limit = account.max_devices.or(ags.max_devices);
    let facts = Facts {
        account,
        on_network: ags.location.on_network(&cx.client),
        authenticated_at: cx.now,
    };
    let begin = || NewSession {
        id: SessionId { ends_at, number: ags.numbers.next(cx.random) },
        tenant: tenant.id.clone(),
        service: service.name.clone(),
        device: device_request(device, ags, &facts, limit, cx),
        expires_at: ends_at.min(cx.now.plus(lifetimes.refresh)),
        facts: facts.clone(),
        claim: who.claim,
        upstream: None,
        limit: None,
    };
    let mut begun = ags.store.begin(begin(), cx.now).await;
    for _ in 1..ID_TRIES {
        if begun != Err(BeginError::Conflict) {
            break;
        }
        begun = ags.store.begin(begin(), cx.now).await;
    }
    let session = begun?.session;

    let pair = ags.tokens.mint_pair(&session, cx.now);
    Ok((session, pair))
}

fn device_request(
    input: &DeviceInput,
    ags: &Ags,
    facts: &Facts,
    limit: Option<u32>,
    cx: &ExchangeCx<'_>,
) -> DeviceRequest {
    match input {
        DeviceInput::ClientId(id) => DeviceRequest::Existing(id.clone()),
        DeviceInput::Information { class, json } => DeviceRequest::Register {
            device: Device {
                id: fresh_device_id(&ags.device_id_prefix, cx.random),
                account: facts.account.id.clone(),
                name: None,
                class: class.clone(),
                information: json.clone(),
                state: DeviceState::Active,
                registered_at: cx.now,
            },
            limits: DeviceLimits { all: limit, of_class: None },
        },
    }
}

/// The configured prefix and a random number of 63 bits; decimal, as the vendor's are.
#[expect(clippy::expect_used, reason = "the prefix is checked at boot to leave room for digits")]
fn fresh_device_id(prefix: &str, random: &dyn Random) -> DeviceId {
    DeviceId::parse(&format!("{prefix}{}", random.u64() >> 1))
        .expect("prefix and digits are visible")
}
