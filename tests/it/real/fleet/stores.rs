//! The stores that nodes can share, each a real server: of the whole test run, with a macro that
//! makes a test for each, or of a test that takes it away. Times are short there, for bounded waits.

use tokio::sync::OnceCell;

use crate::real::postgres::Postgres;
use crate::real::redis_cluster::RedisCluster;
use crate::real::redis_sentinel::{MASTER, SENTINEL_PASSWORD, Watched};
use crate::real::{postgres, redis, redis_cluster};

const REDIS: &str = "Redis";
const SENTINELS: &str = "Redis with sentinels";
const CLUSTER: &str = "Redis Cluster";
const POSTGRES: &str = "PostgreSQL";

/// A call's times while a store comes and goes.
const HASTY: &str = "connect_timeout = \"500ms\"\ntimeout = \"1s\"\ndeadline = \"1500ms\"";
/// An answer waits for a replica, so that its master may be lost.
const ACKNOWLEDGED: &str = "wait_replicas = 1\nwait_timeout = \"1s\"";

/// A `[store]` table, and what kind of store it is, for figures.
pub(super) struct Shared {
    pub(super) name: &'static str,
    pub(super) table: String,
}

impl Shared {
    pub(super) async fn redis(name: &str) -> Self {
        Self { name: REDIS, table: one_redis(redis::shared().await.port, name) }
    }

    pub(super) async fn redis_sentinel(name: &str) -> Self {
        static WATCHED: OnceCell<Watched> = OnceCell::const_new();
        let redis = WATCHED.get_or_init(Watched::start).await;
        Self { name: SENTINELS, table: watched(&redis.places(), name) }
    }

    pub(super) async fn redis_cluster(name: &str) -> Self {
        let places = redis_cluster::shared().await.places();
        Self { name: CLUSTER, table: redis_table("cluster", &places, name) }
    }

    /// In a database of its own, so that it needs no name.
    pub(super) async fn postgres(_: &str) -> Self {
        let server = postgres::shared().await;
        let table = postgres_table(server.port, &server.database().await, "");
        Self { name: POSTGRES, table }
    }

    /// On this port there may be nobody at times.
    pub(super) fn on_redis(port: u16, name: &str) -> Self {
        Self { name: REDIS, table: format!("{}\n{HASTY}", one_redis(port, name)) }
    }

    /// Who is master may change.
    pub(super) fn on_sentinels(redis: &Watched) -> Self {
        let table = watched(&redis.places(), "failover");
        Self { name: SENTINELS, table: format!("{table}\n{HASTY}\n{ACKNOWLEDGED}") }
    }

    /// By the word of these sentinels, who may be away at times with all that they name.
    pub(super) fn by_sentinels(places: &[String], name: &str) -> Self {
        Self { name: SENTINELS, table: format!("{}\n{HASTY}", watched(places, name)) }
    }

    /// Some of the nodes, the others are learned.
    pub(super) fn on_cluster(redis: &RedisCluster) -> Self {
        let table = redis_table("cluster", &redis.places()[..3], "failover");
        Self { name: CLUSTER, table: format!("{table}\n{HASTY}\n{ACKNOWLEDGED}") }
    }

    /// All nodes, which may be away at times.
    pub(super) fn in_cluster(places: &[String], name: &str) -> Self {
        let table = redis_table("cluster", places, name);
        Self { name: CLUSTER, table: format!("{table}\n{HASTY}") }
    }

    /// A server that may be away at times.
    pub(super) async fn on_postgres(server: &Postgres) -> Self {
        Self::in_database(server.port, &server.database().await)
    }

    /// On this port there may be nobody at times.
    pub(super) fn in_database(port: u16, database: &str) -> Self {
        let hasty = ", timeout = \"1500ms\", connect_timeout = \"500ms\"";
        Self { name: POSTGRES, table: postgres_table(port, database, hasty) }
    }
}

fn postgres_table(port: u16, database: &str, more: &str) -> String {
    let (user, password) = (postgres::USER, postgres::PASSWORD);
    format!(
        "kind = \"postgres\"\npostgres = {{ port = {port}, database = \"{database}\", \
         user = \"{user}\", password = \"{password}\"{more} }}"
    )
}

fn one_redis(port: u16, name: &str) -> String {
    redis_table("standalone", &[format!("127.0.0.1:{port}")], name)
}

fn watched(sentinels: &[String], name: &str) -> String {
    let table = redis_table("sentinel", sentinels, name);
    format!("{table}\nmaster_name = {MASTER:?}\nsentinel_password = {SENTINEL_PASSWORD:?}")
}

/// `name` keeps the tests' keys apart.
fn redis_table(topology: &str, nodes: &[String], name: &str) -> String {
    format!(
        "kind = \"redis\"\n[store.redis]\ntopology = \"{topology}\"\nnodes = {nodes:?}\npassword = \"{}\"\n\
         prefix = \"fleet-{name}:\"",
        redis::PASSWORD
    )
}

/// Makes a test of each story for each store.
macro_rules! on_every_shared_store {
    ($($story:ident),* $(,)?) => {
        mod on_redis {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    let name = stringify!($story);
                    super::$story(&crate::real::fleet::stores::Shared::redis(name).await).await;
                }
            )*
        }

        mod on_redis_with_sentinels {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    let name = stringify!($story);
                    let store = crate::real::fleet::stores::Shared::redis_sentinel(name).await;
                    super::$story(&store).await;
                }
            )*
        }

        mod on_redis_cluster {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    let name = stringify!($story);
                    let store = crate::real::fleet::stores::Shared::redis_cluster(name).await;
                    super::$story(&store).await;
                }
            )*
        }

        mod on_postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    let name = stringify!($story);
                    super::$story(&crate::real::fleet::stores::Shared::postgres(name).await).await;
                }
            )*
        }
    };
}

pub(super) use on_every_shared_store;
