//! The stores that nodes can share, each a real server of this test run, and the macro that
//! makes a test for each.

use tokio::sync::OnceCell;

use crate::real::redis_sentinel::{MASTER, SENTINEL_PASSWORD, Watched};
use crate::real::{postgres, redis, redis_cluster};

/// A `[store]` table.
pub(super) struct Shared {
    pub(super) table: String,
}

impl Shared {
    pub(super) async fn redis(name: &str) -> Self {
        let nodes = vec![format!("127.0.0.1:{}", redis::shared().await.port)];
        Self { table: redis_table("standalone", &nodes, name) }
    }

    pub(super) async fn redis_sentinel(name: &str) -> Self {
        static WATCHED: OnceCell<Watched> = OnceCell::const_new();
        let nodes = WATCHED.get_or_init(Watched::start).await.places();
        let table = redis_table("sentinel", &nodes, name);
        let further =
            format!("master_name = {MASTER:?}\nsentinel_password = {SENTINEL_PASSWORD:?}");
        Self { table: format!("{table}\n{further}") }
    }

    pub(super) async fn redis_cluster(name: &str) -> Self {
        let nodes = redis_cluster::shared().await.places();
        Self { table: redis_table("cluster", &nodes, name) }
    }

    /// In a database of its own, so that it needs no name.
    pub(super) async fn postgres(_: &str) -> Self {
        let server = postgres::shared().await;
        let (port, database) = (server.port, server.database().await);
        let (user, password) = (postgres::USER, postgres::PASSWORD);
        let table = format!(
            "kind = \"postgres\"\npostgres = {{ port = {port}, database = \"{database}\", \
             user = \"{user}\", password = \"{password}\" }}"
        );
        Self { table }
    }
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
