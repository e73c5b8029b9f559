//! Millions of rows in PostgreSQL: one session that the store itself began is copied in SQL, with the
//! names and times of `crowd.rs` in place of its own.

use std::sync::Arc;

use cambio::session::Store;
use serde_json::Value;
use tokio_postgres::{Client, NoTls};

use super::Error;
use super::crowd::{self, Crowd};

/// Rows a statement.
const BATCH: u64 = 250_000;

/// The crowd, and what a server does by itself in a quiet hour: statistics and free space. No checkpoint: what is
/// measured lies between two, which are minutes apart, and not right behind one, when each page that is
/// changed is logged whole.
pub(crate) async fn fill(table: &Value, store: &Arc<dyn Store>, all: &Crowd) -> Result<(), Error> {
    store.begin(all.sign_on(0), all.begun_at(0)).await.map_err(|e| e.to_string())?;
    let db = connect(table).await?;
    for first in (1..all.live).step_by(usize::try_from(BATCH)?) {
        let last = all.live.min(first + BATCH) - 1;
        db.batch_execute(&copies(all, first, last)).await?;
    }
    Ok(db.batch_execute("VACUUM ANALYZE").await?)
}

pub(crate) async fn expired(table: &Value, now: i64) -> Result<i64, Error> {
    let db = connect(table).await?;
    let counted = "SELECT count(*) FROM cambio.sessions WHERE expires_at <= $1";
    Ok(db.query_one(counted, &[&now]).await?.get(0))
}

async fn connect(table: &Value) -> Result<Client, Error> {
    let server = &table["postgres"];
    let port = server["port"].as_u64().ok_or("no port")?;
    let user = server["user"].as_str().ok_or("no user")?;
    let database = server["database"].as_str().ok_or("no database")?;
    let (client, connection) = tokio_postgres::connect(
        &format!("host=127.0.0.1 port={port} user={user} dbname={database}"),
        NoTls,
    )
    .await?;
    tokio::spawn(connection);
    Ok(client)
}

/// `crowd.rs` in SQL, for sessions `first` to `last`; session 0 is what is copied.
fn copies(all: &Crowd, first: u64, last: u64) -> String {
    use crowd::{ACCOUNTS, AGES, IDLE, LASTS, MIX_ACCOUNT, MIX_DEVICE, MIX_EXPIRY, MIX_NUMBER};
    let Crowd { live, expiring, over, .. } = *all;
    let (now, from) = (all.now.secs(), all.from.secs());
    let (model, own) = (crowd::account(0), crowd::device(0));
    let limit = cambio::session::SessionId::NUMBER_LIMIT;
    let (day, some) = (IDLE / 2, expiring.max(1));
    format!(
        "CREATE TEMPORARY TABLE c ON COMMIT DROP AS SELECT
            lpad((n / 2 * {MIX_ACCOUNT} % {ACCOUNTS})::text, 10, '0') AS account,
            'PUB_1' || lpad((n * {MIX_DEVICE})::text, 18, '0') AS device,
            n * {MIX_NUMBER} % {limit} AS number,
            {now} - ({AGES} - {AGES} * n / {live}) AS begun,
            CASE WHEN n * {expiring} / {live} < (n + 1) * {expiring} / {live}
                THEN {from} + (n * {expiring} / {live} * {MIX_EXPIRY} % {some}) * {over} / {some}
                ELSE {now} + {day} + n * {MIX_EXPIRY} % {day} END AS expires
            FROM generate_series({first}::bigint, {last}::bigint) n;
        INSERT INTO cambio.sessions (ends_at, number, begun_at, issued_at, expires_at, sweep_at,
                authenticated_at, generation, device_state, evicted, on_network, tenant, account,
                service, device, device_class, upstream, profile)
            SELECT begun + {LASTS}, c.number, begun, begun, expires, expires, begun, generation,
                device_state, evicted, on_network, tenant, c.account, service, c.device,
                device_class, upstream, replace(profile, '{model}', c.account)
            FROM c, cambio.sessions s WHERE s.device = '{own}' AND s.account = '{model}' AND s.number = 0;
        INSERT INTO cambio.devices (registered_at, state, tenant, account, id, class, name, information)
            SELECT begun, state, tenant, c.account, c.device, class, name, information
            FROM c, cambio.devices d WHERE d.id = '{own}' AND d.account = '{model}';
        INSERT INTO cambio.accounts (tenant, account)
            SELECT DISTINCT tenant, c.account FROM c, cambio.accounts a WHERE a.account = '{model}'
            ON CONFLICT DO NOTHING"
    )
}
