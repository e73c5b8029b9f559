//! What `cambio sessions` does to the store. Called by the commands, which print; what must not hold up
//! a server beside it is done a little at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{AccountId, Clock, SystemClock, TenantId, Timestamp};
use crate::session::{Session, SessionId, Store, StoreError};

/// Sessions looked at a time.
const BATCH: u32 = 500;
/// Sessions removed at a time: few enough not to hold up a server's writes for long, and to be gone within a call's time.
const PRUNED: u32 = 5_000;

/// Which sessions to list.
pub(super) struct Wanted<'a> {
    /// Of this tenant; of all without.
    pub(super) tenant: Option<&'a TenantId>,
    /// Of this account of the tenant; of all without.
    pub(super) account: Option<AccountId>,
    /// No more than this many.
    pub(super) limit: usize,
}

/// Hands on sessions until `line` says that nobody wants more, and answers whether the limit kept
/// any back.
pub(super) async fn list(
    store: &Arc<dyn Store>,
    wanted: &Wanted<'_>,
    line: impl Fn(&Session) -> bool,
) -> Result<bool, StoreError> {
    let now = SystemClock.now();
    let (mut left, mut more) = (wanted.limit, false);
    let mut on = |session: &Session| {
        if left == 0 {
            more = true;
            return false;
        }
        left -= 1;
        line(session)
    };
    if let (Some(tenant), Some(account)) = (wanted.tenant, &wanted.account) {
        let sessions = store.sessions(tenant, account, now).await?;
        let _ = sessions.iter().all(on);
        return Ok(more);
    }
    let theirs = |session: &Session| wanted.tenant.is_none_or(|tenant| *tenant == session.tenant);
    walk(store, now, |session| !theirs(session) || on(session)).await?;
    Ok(more)
}

/// Meets every live session, until `on` says that it has seen enough.
async fn walk(
    store: &Arc<dyn Store>,
    now: Timestamp,
    mut on: impl FnMut(&Session) -> bool,
) -> Result<(), StoreError> {
    let mut from = None;
    loop {
        let page = store.page(from, BATCH, now).await?;
        for session in &page.sessions {
            if !on(session) {
                return Ok(());
            }
        }
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(()),
        }
    }
}

/// Ends the account's sessions, or `only` one of them; answers how many.
pub(super) async fn revoke(
    store: &Arc<dyn Store>,
    tenant: &TenantId,
    account: &AccountId,
    only: Option<SessionId>,
) -> Result<u32, StoreError> {
    let now = SystemClock.now();
    let Some(id) = only else { return store.end_all(tenant, account, now).await };
    let Some(session) = store.session(tenant, account, id, now).await? else { return Ok(0) };
    store.end(tenant, account, id, &session.device, now).await.map(u32::from)
}

/// Sweeps until a whole walk over the store removes nothing more. A sweep may look at live
/// sessions only and remove nothing, and yet not be through, so one alone does not say so.
pub(super) async fn prune(store: &Arc<dyn Store>) -> Result<u64, StoreError> {
    const IDLE_SWEEPS: u32 = 128;
    let now = SystemClock.now();
    let (mut removed, mut idle) = (0, 0);
    while idle < IDLE_SWEEPS {
        let swept = store.sweep(PRUNED, now).await?;
        removed += u64::from(swept);
        idle = if swept == 0 { idle + 1 } else { 0 };
    }
    Ok(removed)
}

/// Live sessions by tenant and service.
pub(super) type Stats = BTreeMap<(String, String), u64>;

/// Counts every live session.
pub(super) async fn stats(store: &Arc<dyn Store>) -> Result<Stats, StoreError> {
    let mut stats = Stats::new();
    walk(store, SystemClock.now(), |session| {
        let name = (session.tenant.to_string(), session.service.to_string());
        *stats.entry(name).or_default() += 1;
        true
    })
    .await?;
    Ok(stats)
}
