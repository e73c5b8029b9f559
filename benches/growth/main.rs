//! Puts a crowd of live sessions into a store, for `scripts/bench --only growth` and
//! `--only cleanup`: `fill` writes them through the store's own `begin` and `refresh` (into PostgreSQL as copies of
//! one that `begin` wrote, because millions of commits are not what is measured) and then the credentials
//! of some of them, `expired` counts what the sweep has yet to remove. The service itself is never
//! involved.

#![expect(clippy::print_stdout, reason = "its output is what the bench reads")]

mod crowd;
mod postgres;
mod sample;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cambio::domain::setting::Problems;
use cambio::domain::{Clock, SystemClock, Timestamp};
use cambio::session::{Store, settings};
use clap::{Args, Parser};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use crowd::Crowd;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Calls under way at a time.
const CALLERS: usize = 256;

#[derive(Parser)]
#[command(about = "Puts a crowd of live sessions into a store")]
enum Command {
    /// Begins sessions and writes credentials of some of them.
    Fill(Fill),
    /// Prints how many sessions have expired and are still there.
    Expired(Where),
}

#[derive(Args)]
struct Where {
    /// The `[store]` table, as JSON: kind sqlite, postgres or redis.
    #[arg(long, value_parser = |text: &str| serde_json::from_str::<Value>(text))]
    store: Value,
}

#[derive(Args)]
struct Fill {
    #[command(flatten)]
    r#where: Where,
    /// Sessions, two an account.
    #[arg(long)]
    live: u64,
    /// So many of them expire one after the other within `--over` seconds …
    #[arg(long, default_value_t = 0)]
    expiring: u64,
    #[arg(long, default_value_t = 1)]
    over: u64,
    /// … from this time on, in seconds since the epoch.
    #[arg(long, default_value_t = 0)]
    from: i64,
    /// Writes this many refresh tokens, and half as many head-end's tokens, of sessions that do not.
    #[arg(long, default_value_t = 0)]
    sample: u64,
    /// Where: `refresh` and `operators` in this folder. The keys are in BENCH_TOKEN_KEY and
    /// BENCH_OPERATOR_SECRET.
    #[arg(long)]
    out: PathBuf,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    match Command::parse() {
        Command::Fill(args) => fill(args).await,
        Command::Expired(place) => {
            println!("{}", expired(&place.store).await?);
            Ok(())
        }
    }
}

async fn fill(args: Fill) -> Result<(), Error> {
    let table = args.r#where.store;
    let mut problems = Problems::default();
    let parsed = settings::parse(table.clone(), "store", &mut problems);
    let store = parsed.ok_or_else(|| format!("{problems:?}"))?.open().await?;
    let crowd = Crowd {
        live: args.live,
        expiring: args.expiring,
        over: args.over,
        from: Timestamp::from_secs(args.from),
        now: SystemClock.now(),
    };
    if store.kind() == "postgres" {
        postgres::fill(&table, &store, &crowd).await?;
    } else {
        begin(&store, crowd).await?;
        if store.kind() == "sqlite" {
            refresh(&store, crowd).await?;
            merged(&table).await?;
        }
    }
    if args.sample > 0 {
        sample::write(&store, crowd, args.sample, &args.out).await?;
    }
    Ok(())
}

/// Waits until SQLite has written everything to its trees, as it does when nobody writes.
async fn merged(store: &Value) -> Result<(), Error> {
    let db = beside(store)?;
    while db.query_row("SELECT count(*) FROM changes", (), |r| r.get::<_, i64>(0))? > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// The whole crowd, by the store's own calls.
async fn begin(store: &Arc<dyn Store>, crowd: Crowd) -> Result<(), Error> {
    each(crowd.live, |n| {
        let store = Arc::clone(store);
        async move {
            let begun = store.begin(crowd.sign_on(n), crowd.begun_at(n)).await;
            begun.map(drop).map_err(|e| e.to_string())
        }
    })
    .await
}

/// Each has been refreshed, in no order, as in life: SQLite has what that changes elsewhere than the rest. (The
/// other stores change it where it is.)
async fn refresh(store: &Arc<dyn Store>, crowd: Crowd) -> Result<(), Error> {
    each(crowd.live, |i| {
        let (store, n) = (Arc::clone(store), sample::nth(i, &crowd));
        async move {
            let (presented, next) = crowd.refresh(n);
            let refreshed = store.refresh(&presented, next, crowd.begun_at(n)).await;
            refreshed.map(drop).map_err(|e| e.to_string())
        }
    })
    .await
}

/// Makes a call for each of `count` numbers, many at a time.
async fn each<C, F>(count: u64, call: C) -> Result<(), Error>
where
    C: Fn(u64) -> F + Sync,
    F: Future<Output = Result<(), String>>,
{
    let calls = stream::iter(0..count).map(|n| Ok(call(n)));
    Ok(calls.try_for_each_concurrent(CALLERS, |call| call).await?)
}

/// Sessions past their end that no sweep has removed; read beside the server.
async fn expired(store: &Value) -> Result<i64, Error> {
    let now = SystemClock.now().secs();
    if store["kind"] == "postgres" {
        return postgres::expired(store, now).await;
    }
    Ok(beside(store)?.query_row(
        "SELECT count(*) FROM sessions AS s LEFT JOIN refreshed AS r ON r.id = s.id
         WHERE iif(r.generation > s.generation, r.expires_at, s.expires_at) <= ?1",
        [now],
        |r| r.get(0),
    )?)
}

/// The file, as another process sees it.
fn beside(store: &Value) -> Result<rusqlite::Connection, Error> {
    let path = store["path"].as_str().ok_or("only sqlite and postgres can be counted")?;
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    Ok(rusqlite::Connection::open_with_flags(path, flags)?)
}
