//! `cambio sessions`: what an operator asks and does about sessions, on the configured store and
//! beside running servers. Prints names and times; no token and no name of a user.

mod print;
mod work;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use self::print::{as_json, as_line, stats_json, stats_lines};
use self::work::{Wanted, list, prune, revoke, stats};
use super::ids::{account, session_id, tenant};
use super::store::with_store;
use super::{ConfigArgs, print};
use crate::domain::{AccountId, TenantId};
use crate::session::{Session, SessionId};

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
                with_store(&config, tenant.as_ref(), async |store| {
                    let wanted = Wanted { tenant: tenant.as_ref(), account, limit };
                    let line = |session: &Session| {
                        let text = if json { as_json(session) } else { as_line(session) };
                        print(&format!("{text}\n"))
                    };
                    if list(&store, &wanted, line).await.map_err(|e| e.to_string())? {
                        eprintln!("cambio: there are more than {limit}, see --limit");
                    }
                    Ok(())
                })
            }
            Self::Revoke { config, tenant, account, which } => {
                with_store(&config, Some(&tenant), async |store| {
                    let ended = revoke(&store, &tenant, &account, which.session).await;
                    print(&format!("{} ended\n", ended.map_err(|e| e.to_string())?));
                    Ok(())
                })
            }
            Self::Prune { config } => with_store(&config, None, async |store| {
                let removed = prune(&store).await.map_err(|e| e.to_string())?;
                print(&format!("{removed} removed\n"));
                Ok(())
            }),
            Self::Stats { config, json } => with_store(&config, None, async |store| {
                let stats = stats(&store).await.map_err(|e| e.to_string())?;
                print(&if json { stats_json(&stats) } else { stats_lines(&stats) });
                Ok(())
            }),
        }
    }
}
