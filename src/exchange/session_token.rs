//! AGS `signOnWithSessionToken`: a session token in, an access and a refresh token out
//! (contract B.3).

use super::tenant::{Ags, Service, Tenant};
use super::{ExchangeCx, ExchangeError, Forbidden, note_account, note_verdict};
use crate::account::Account;
use crate::domain::{Credential, DeviceId, Random, Timestamp, Verified};
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
    let Admitted { who, account, ends_at } = admit(tenant, ags, service, credential, cx).await?;

    ags.location.check(&cx.client, account.geo_block_exempt)?;

    let lifetimes = ags.tokens.lifetimes();
    let limit = account.max_devices.or(ags.max_devices);
    let facts = facts(account, ags, cx);
    ags.tokens.check_claims(&tenant.id, &facts)?;
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

/// Whoever may sign on.
struct Admitted {
    who: Verified,
    account: Account,
    /// When the session would end.
    ends_at: Timestamp,
}

/// The first two steps: who it is, which account, and whether there is time left. Uses nothing up.
async fn admit(
    tenant: &Tenant,
    ags: &Ags,
    service: &Service,
    credential: &Credential,
    cx: &ExchangeCx<'_>,
) -> Result<Admitted, ExchangeError> {
    let validate_cx = cx.validate(&tenant.id, &service.name);
    let verdict = service.validator.validate(credential, &validate_cx).await;
    note_verdict(&*service.validator, &verdict);
    let who = verdict.map_err(ExchangeError::proves_nobody)?;

    let account = service.accounts.resolve(&tenant.id, &who).await;
    note_account(&*service.accounts, &account);
    let account = account?;
    Forbidden::unless_active(account.state)?;

    let fixed = cx.now.plus(ags.tokens.lifetimes().fixed);
    let ends_at = who.expires_at.map_or(fixed, |sso| fixed.min(sso));
    if ends_at <= cx.now {
        return Err(ExchangeError::Unauthenticated("sso session is already over".into()));
    }
    Ok(Admitted { who, account, ends_at })
}

fn facts(account: Account, ags: &Ags, cx: &ExchangeCx<'_>) -> Facts {
    let on_network = ags.location.on_network(&cx.client);
    Facts { account, on_network, authenticated_at: cx.now }
}

/// The pair that a sign-on would get, for `explain`: the first two steps of [`exchange`] and the
/// last, on a session that is not begun and a device that is not registered. The location, which
/// nobody has here, and the device's limits are not looked at.
///
/// # Errors
/// As [`exchange`].
pub async fn rehearse(
    tenant: &Tenant,
    ags: &Ags,
    service: &Service,
    credential: &Credential,
    cx: &ExchangeCx<'_>,
) -> Result<TokenPair, ExchangeError> {
    let Admitted { account, ends_at, .. } = admit(tenant, ags, service, credential, cx).await?;
    let facts = facts(account, ags, cx);
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
