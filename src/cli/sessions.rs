//! `cambio sessions`: what an operator asks and does about sessions, on the configured store and
//! beside running servers. Prints names and times; no token and no name of a user.

mod print;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};

use self::print::{as_json, as_line, stats_json, stats_lines};
use super::ConfigArgs;
use super::ids::{account, session_id, tenant};
use super::store::with_store;
use crate::domain::{AccountId, Clock, SystemClock, TenantId, Timestamp};
use crate::session::{Session, SessionId, Store, StoreError};

/// Sessions looked at a time.
const BATCH: u32 = 500;
/// Sessions removed at a time: few enough not to hold up a server's writes for long.
const PRUNED: u32 = 20_000;

/// Look at sessions and end them
#[derive(Debug, Subcommand)]
pub(super) enum Sessions {
    /// Print live sessions, one a line
    List {
        #[command(flatten)]
        config: ConfigArgs,
        /// Of this tenant only.
        #[arg(long, value_parser = tenant)]
        tenant: Option<TenantId>,
        /// Of this account only.
        #[arg(long, value_parser = account, requires = "tenant")]
        account: Option<AccountId>,
        /// No more than this many.
        #[arg(long, default_value_t = 1000)]
        limit: usize,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// End sessions of an account
    ///
    /// Their refresh tokens are refused at once, on every node; access tokens that an API verifies
    /// by itself live until they expire.
    Revoke {
        #[command(flatten)]
        config: ConfigArgs,
        /// The account's tenant.
        #[arg(long, value_parser = tenant)]
        tenant: TenantId,
        /// The account.
        #[arg(long, value_parser = account)]
        account: AccountId,
        #[command(flatten)]
        which: Which,
    },
    /// Remove what has expired, now
    ///
    /// A server does it all the time, a little at a time.
    Prune {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Count live sessions by tenant and service
    Stats {
        #[command(flatten)]
        config: ConfigArgs,
        /// As one JSON document.
        #[arg(long)]
        json: bool,
    },
}

/// Which sessions to end.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Which {
    /// The session of this name, as `list` prints it.
    #[arg(long, value_name = "END.NUMBER", value_parser = session_id)]
    session: Option<SessionId>,
    /// All of the account's.
    #[arg(long)]
    all: bool,
}

impl Sessions {
    pub(super) fn run(self) -> ExitCode {
        match self {
            Self::List { config, tenant, account, limit, json } => {
                with_store(&config, async |store| {
                    let print = |session: &Session| {
                        println!("{}", if json { as_json(session) } else { as_line(session) });
                    };
                    let wanted = Wanted { tenant, account, limit };
                    list(&store, &wanted, print).await.map_err(|e| e.to_string())
                })
            }
            Self::Revoke { config, tenant, account, which } => with_store(&config, async |store| {
                let ended = revoke(&store, &tenant, &account, &which).await;
                println!("{} ended", ended.map_err(|e| e.to_string())?);
                Ok(())
            }),
            Self::Prune { config } => with_store(&config, async |store| {
                println!("{} removed", prune(&store).await.map_err(|e| e.to_string())?);
                Ok(())
            }),
            Self::Stats { config, json } => with_store(&config, async |store| {
                let stats = stats(&store).await.map_err(|e| e.to_string())?;
                print!("{}", if json { stats_json(&stats) } else { stats_lines(&stats) });
                Ok(())
            }),
        }
    }
}

struct Wanted {
    tenant: Option<TenantId>,
    account: Option<AccountId>,
    limit: usize,
}

async fn list(
    store: &Arc<dyn Store>,
    wanted: &Wanted,
    print: impl Fn(&Session),
) -> Result<(), StoreError> {
    let now = SystemClock.now();
    if let (Some(tenant), Some(account)) = (&wanted.tenant, &wanted.account) {
        let sessions = store.sessions(tenant, account, now).await?;
        sessions.iter().take(wanted.limit).for_each(print);
        return Ok(());
    }
    let mut left = wanted.limit;
    walk(store, now, |session| {
        let theirs = wanted.tenant.as_ref().is_none_or(|tenant| *tenant == session.tenant);
        if theirs && left > 0 {
            left -= 1;
            print(session);
        }
        left > 0
    })
    .await
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

async fn revoke(
    store: &Arc<dyn Store>,
    tenant: &TenantId,
    account: &AccountId,
    which: &Which,
) -> Result<u32, StoreError> {
    let now = SystemClock.now();
    let Some(id) = which.session else { return store.end_all(tenant, account, now).await };
    let Some(session) = store.session(tenant, account, id, now).await? else { return Ok(0) };
    store.end(tenant, account, id, &session.device, now).await.map(u32::from)
}

/// Sweeps until a whole walk over the store removes nothing more. A sweep may look at live
/// sessions only and remove nothing, and yet not be through, so one alone does not say so.
async fn prune(store: &Arc<dyn Store>) -> Result<u64, StoreError> {
    const IDLE_SWEEPS: u32 = 64;
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
type Stats = BTreeMap<(String, String), u64>;

async fn stats(store: &Arc<dyn Store>) -> Result<Stats, StoreError> {
    let mut stats = Stats::new();
    walk(store, SystemClock.now(), |session| {
        let name = (session.tenant.to_string(), session.service.to_string());
        *stats.entry(name).or_default() += 1;
        true
    })
    .await?;
    Ok(stats)
}
