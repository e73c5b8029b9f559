//! Credentials of some of a crowd, in no order, for the load scripts: refresh tokens that the
//! service's key signs, and the accounts that a head-end signs on. Each session is read back by
//! the store, which shows that it is one.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use cambio::domain::SystemRandom;
use cambio::domain::setting::Problems;
use cambio::session::{KeyStore, Store, StoreError, Versioned};
use cambio::token::{KeyCx, Sealing, SessionTokens, TokenSettings};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;

use super::Error;
use super::crowd::{self, Crowd};

/// Prime, so that a crowd's numbers are met in an order that is none, and each once.
const STEP: u64 = 2_654_435_761;
const READS: usize = 64;

/// Writes `refresh` (`count` tokens) and `operators` (half as many accounts) to the folder.
pub(crate) async fn write(
    store: &Arc<dyn Store>,
    crowd: Crowd,
    count: u64,
    out: &Path,
) -> Result<(), Error> {
    let tokens = tokens(crowd).await?;
    let sampled = (0..crowd.live)
        .map(|i| nth(i, &crowd))
        .filter(|n| crowd.expires_soon(*n).is_none())
        .take(usize::try_from(count)?);
    let mut refresh = BufWriter::new(File::create(out.join("refresh"))?);
    let mut operators = BufWriter::new(File::create(out.join("operators"))?);
    let mut pairs = stream::iter(sampled)
        .map(|n| async move {
            let (tenant, account) = (crowd::tenant(), crowd::account(n));
            let id = crowd.session_id(n);
            let found = store.session(&tenant, &account, id, crowd.now).await?;
            found.ok_or_else(|| Error::from(format!("session {n} is not there")))
        })
        .buffered(READS);
    let mut written = 0_u64;
    while let Some(session) = pairs.try_next().await? {
        writeln!(refresh, "{}", tokens.mint_pair(&session, crowd.now).refresh_token)?;
        if written.is_multiple_of(2) {
            writeln!(operators, "{}", session.facts.account.id)?;
        }
        written += 1;
    }
    if written < count {
        return Err(format!("only {written} sessions could be sampled").into());
    }
    refresh.flush()?;
    Ok(operators.flush()?)
}

/// The number that comes `i`th in no order.
pub(crate) fn nth(i: u64, crowd: &Crowd) -> u64 {
    i * STEP % crowd.live
}

/// What the service mints with, by the key that both are given.
async fn tokens(crowd: Crowd) -> Result<SessionTokens, Error> {
    let secret = std::env::var("BENCH_TOKEN_KEY")?;
    let keys = json!({"keys": [{"kid": "bench", "secret": secret, "sign": true}]});
    let settings: TokenSettings = serde_json::from_value(keys)?;
    let sealing = Sealing::new(None).map_err(|e| format!("{e:?}"))?;
    let random = Arc::new(SystemRandom);
    let cx = KeyCx { store: Arc::new(NoKeys), sealing: &sealing, random, now: crowd.now };
    let mut problems = Problems::default();
    let tokens = settings.session("tokens", &crowd::tenant(), &cx, &mut problems).await;
    tokens.ok_or_else(|| format!("{problems:?}").into())
}

/// The key is imported: nothing is kept.
#[derive(Debug)]
struct NoKeys;

#[async_trait]
impl KeyStore for NoKeys {
    async fn load_keys(&self, _: &str) -> Result<Option<Versioned>, StoreError> {
        Ok(None)
    }

    async fn swap_keys(&self, _: &str, _: u64, _: &[u8]) -> Result<bool, StoreError> {
        Ok(true)
    }
}
