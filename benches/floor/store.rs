//! What the floor does about sessions when it has a store: one round trip a refresh, which
//! reads and writes as much as Cambio's does and decides nothing.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use tokio::sync::Semaphore;

use super::Error;

/// Sessions that the refreshes go around.
const SESSIONS: usize = 256;
/// Connections to PostgreSQL, as many as Cambio has by default.
const CONNECTIONS: usize = 16;
/// As long as an account of the demo is.
const ACCOUNT: &str =
    r#"{"id":"1001","user_id":"1001","profile_id":"DEFAULT","roles":["subscriber"]}"#;

/// As Cambio's script, but for the decisions.
const SCRIPT: &str = r"
local record = redis.call('HGET', KEYS[1], ARGV[1])
local generation, issued, expires, network, rest, owner, class, account = string.match(record,
  '^(%d+) (%-?%d+) (%-?%d+) ([01]) ([^\n]*)\n([^\n]*\n[^\n]*)\n([^\n]*)\n(.*)$')
redis.call('HGET', KEYS[2], ARGV[4])
record = string.format('%d', tonumber(generation) + 1) .. ' ' .. ARGV[2] .. ' ' .. ARGV[5] .. ' 0 '
  .. rest .. '\n' .. owner .. '\n' .. class .. '\n' .. account
redis.call('HSET', KEYS[1], ARGV[1], record)
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
return 'R' .. record
";

/// Where sessions are.
pub(crate) enum Store {
    None,
    Redis {
        connection: MultiplexedConnection,
        script: redis::Script,
        turn: AtomicUsize,
    },
    /// Each connection serves one request at a time, as Cambio's do: a statement that waits for its commit holds no other up.
    Postgres {
        idle: Mutex<Vec<tokio_postgres::Client>>,
        places: Semaphore,
        turn: AtomicUsize,
    },
}

impl Store {
    /// A Redis on this port, with sessions in it.
    pub(crate) async fn redis(port: u16) -> Result<Self, Error> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{port}"))?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        for n in 0..SESSIONS {
            let record = format!(
                "1 1795000000 1795003600 0 1795000000 - -\nPUB_1234567890123456789\nCustomer Auth Service\nSTB\n{ACCOUNT}"
            );
            let () = redis::cmd("HSET")
                .arg(KEYS[0])
                .arg(field(n))
                .arg(record)
                .query_async(&mut connection)
                .await?;
        }
        let () = redis::cmd("HSET")
            .arg(KEYS[1])
            .arg(DEVICE)
            .arg("a")
            .query_async(&mut connection)
            .await?;
        Ok(Self::Redis {
            connection,
            script: redis::Script::new(SCRIPT),
            turn: AtomicUsize::new(0),
        })
    }

    /// A PostgreSQL on this port, whose superuser needs no password, with sessions in it.
    pub(crate) async fn postgres(port: u16) -> Result<Self, Error> {
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            let config = format!("host=127.0.0.1 port={port} user=bench dbname=postgres");
            let (client, connection) =
                tokio_postgres::connect(&config, tokio_postgres::NoTls).await?;
            // Ends with the client.
            tokio::spawn(connection);
            clients.push(client);
        }
        let set_up = format!(
            "create table if not exists floor_sessions (
                 tenant text, account text, ends_at bigint, number bigint, device text, service text, generation int,
                 issued_at bigint, expires_at bigint, network boolean, profile text,
                 primary key (tenant, account, ends_at, number)) with (fillfactor = 50);
             insert into floor_sessions
                 select 'nagra', '1001', 1797592000, n, '{DEVICE}', 'Customer Auth Service', 1, 1795000000, 1795003600,
                        false, '{ACCOUNT}'
                 from generate_series(0, {SESSIONS} - 1) n on conflict do nothing"
        );
        clients[0].batch_execute(&set_up).await?;
        let places = Semaphore::new(CONNECTIONS);
        Ok(Self::Postgres { idle: Mutex::new(clients), places, turn: AtomicUsize::new(0) })
    }

    /// The one round trip.
    pub(crate) async fn rotate(&self) -> Result<(), Error> {
        match self {
            Self::None => {}
            Self::Redis { connection, script, turn } => {
                let n = turn.fetch_add(1, Ordering::Relaxed) % SESSIONS;
                let mut call = script.key(KEYS[0]);
                call.key(KEYS[1])
                    .arg(field(n))
                    .arg("1795000001")
                    .arg("3600")
                    .arg(DEVICE)
                    .arg("1795003601");
                let record: Vec<u8> = call.invoke_async(&mut connection.clone()).await?;
                std::hint::black_box(record);
            }
            Self::Postgres { idle, places, turn } => {
                use tokio_postgres::types::Type;
                let n = turn.fetch_add(1, Ordering::Relaxed);
                let number = i64::try_from(n % SESSIONS)?;
                let _place = places.acquire().await?;
                let client = idle.lock().pop().ok_or("a place without a connection")?;
                let held = Held { client: Some(client), idle };
                let client = held.client.as_ref().ok_or("no connection")?;
                let row = client
                    .query_typed(
                        "update floor_sessions s
                         set generation = s.generation + 1, issued_at = $5, expires_at = least($6, s.ends_at),
                             network = $7, profile = coalesce($8, s.profile)
                         where s.tenant = $1 and s.account = $2 and s.ends_at = $3 and s.number = $4
                         returning s.generation, s.issued_at, s.expires_at, s.device, s.service, s.profile",
                        &[
                            (&"nagra", Type::TEXT),
                            (&"1001", Type::TEXT),
                            (&1_797_592_000_i64, Type::INT8),
                            (&number, Type::INT8),
                            (&1_795_000_001_i64, Type::INT8),
                            (&1_795_003_601_i64, Type::INT8),
                            (&false, Type::BOOL),
                            (&None::<&str>, Type::TEXT),
                        ],
                    )
                    .await?;
                std::hint::black_box(row);
            }
        }
        Ok(())
    }
}

/// A connection that goes back when its request is over, or nobody waits for it any more.
struct Held<'a> {
    client: Option<tokio_postgres::Client>,
    idle: &'a Mutex<Vec<tokio_postgres::Client>>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.idle.lock().extend(self.client.take());
    }
}

const KEYS: [&str; 2] = ["floor:{nagra:1001}:s", "floor:{nagra:1001}:d"];
const DEVICE: &str = "PUB_1234567890123456789";

fn field(n: usize) -> String {
    format!("1797592000.{n:013}")
}
