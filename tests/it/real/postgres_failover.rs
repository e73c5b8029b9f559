//! A PostgreSQL that fails over to its standby: nodes that know both are told to wait while
//! nobody takes writes, find the one that was promoted by themselves, lose nothing that was
//! acknowledged, and are not taken in by the old one when it comes back.

use std::process::Command;
use std::time::{Duration, Instant};

use cambio::domain::setting::{Problems, parse};
use cambio::domain::{AccountId, TenantId, Timestamp};
use cambio::support::postgres::PostgresSettings;
use serde_json::json;

use super::postgres::{self, PASSWORD, Postgres, USER};
use super::redis_load::{Load, Nodes, all_refresh, nodes};
use super::server::{Folder, Server};
use super::{eventually, figures, free_port};
use crate::support::OPERATOR_TENANT;

const CLIENTS: usize = 12;
/// What an answer may take while the store takes its time: that, and a busy machine.
const BOUND: Duration = Duration::from_secs(5);
/// A role that owns its database and nothing else.
const ROLE: &str = "gateway";

/// A primary, and a standby that has all that the primary acknowledges.
struct Pair {
    primary: Postgres,
    standby: Postgres,
}

impl Pair {
    async fn start() -> Self {
        let primary = Postgres::start().await;
        let create = format!("create role {ROLE} login password '{PASSWORD}'");
        primary.execute("postgres", &create).await;
        let create = format!("create database sessions owner {ROLE}");
        primary.execute("postgres", &create).await;
        let standby = standby_of(&primary).await;
        primary.execute("postgres", "alter system set synchronous_standby_names = '*'").await;
        primary.execute("postgres", "select pg_reload_conf()").await;
        let pair = Self { primary, standby };
        eventually("the primary waits for its standby", async || {
            pair.primary.shows("select sync_state = 'sync' from pg_stat_replication").await
        })
        .await;
        pair
    }

    /// Two nodes that know both, the primary first.
    async fn nodes(&self) -> Nodes {
        self.nodes_with("1s").await
    }

    /// The same, which wait so long for an answer and for a connection.
    async fn nodes_with(&self, timeout: &str) -> Nodes {
        let (one, other) = (self.primary.port, self.standby.port);
        nodes(&format!(
            "store = {{ kind = \"postgres\", postgres = {{ database = \"sessions\", user = \"{ROLE}\",
                 password = \"{PASSWORD}\", timeout = \"{timeout}\", connect_timeout = \"{timeout}\",
                 hosts = [\"127.0.0.1:{one}\", \"127.0.0.1:{other}\"] }} }}"
        ))
        .await
    }

    /// Makes the standby the primary.
    fn promote(&self) {
        let folder = self.standby.server.folder();
        let mut promote = folder.command("promote", postgres::program("pg_ctl"));
        promote.args(["promote", "-D", "data"]);
        tokio::task::block_in_place(|| folder.run("promote", promote));
    }

    /// Starts the old primary again, as it is.
    async fn primary_comes_back(&mut self, more: &[&str]) {
        let (folder, port) = (self.primary.server.folder(), self.primary.port);
        // SIGKILL for the first process leaves others, which keep the next one away while they end.
        let nobody = async || processes(&self.primary).is_empty().then_some(());
        eventually("nothing of it is left", nobody).await;
        let mut command = postgres::command(folder, port);
        command.args(more);
        self.primary.server.start_again(command);
        self.primary.ready().await;
    }
}

impl Postgres {
    /// Whether a query answers one row that says `true`.
    async fn shows(&self, query: &str) -> Option<()> {
        let client = self.connect("postgres").await.ok()?;
        let row = client.query_opt(query, &[]).await.ok()??;
        row.try_get::<_, bool>(0).ok()?.then_some(())
    }
}

/// The ids of all processes of a server; those at work are not the one that was started.
fn processes(postgres: &Postgres) -> Vec<String> {
    let data = postgres.server.folder().path().join("data");
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let own = all.filter(|p| std::fs::read_link(p.path().join("cwd")).is_ok_and(|at| at == data));
    own.map(|process| process.file_name().into_string().unwrap()).collect()
}

/// A server that says nothing until this is dropped, whatever becomes of the test: a process that is stopped
/// cannot end.
struct Silenced<'p>(&'p Postgres);

impl<'p> Silenced<'p> {
    fn new(postgres: &'p Postgres) -> Self {
        assert!(signal(postgres, "STOP"));
        Self(postgres)
    }
}

impl Drop for Silenced<'_> {
    fn drop(&mut self) {
        assert!(signal(self.0, "CONT") || std::thread::panicking());
    }
}

/// Sends a signal to each of a server's processes.
fn signal(postgres: &Postgres, signal: &str) -> bool {
    let line = format!("kill -{signal} {}", processes(postgres).join(" "));
    Command::new("sh").args(["-c", &line]).status().unwrap().success()
}

/// A copy that follows.
async fn standby_of(primary: &Postgres) -> Postgres {
    let folder = Folder::new("postgres");
    let mut copy = folder.command("basebackup", postgres::program("pg_basebackup"));
    copy.env("PGPASSWORD", PASSWORD);
    copy.args(["-h", "127.0.0.1", "-p", &primary.port.to_string(), "-U", USER]);
    copy.args(["-D", "data", "-R", "-X", "stream", "--checkpoint=fast", "--no-sync"]);
    tokio::task::block_in_place(|| folder.run("basebackup", copy));
    let port = free_port();
    let command = postgres::command(&folder, port);
    let server = Server::start("postgres", folder, command);
    let mut standby = Postgres { server, port };
    standby.ready().await;
    standby
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_standby_is_found_and_nothing_acknowledged_is_lost() {
    let mut pair = Pair::start().await;
    let nodes = pair.nodes().await;
    let load = Load::start(&nodes, CLIENTS).await;

    pair.primary.server.kill();
    load.is_refused().await;
    for node in &nodes {
        eventually("it is not ready", async || node.app.store().check().await.err()).await;
    }
    let promoted = Instant::now();
    pair.promote();
    load.goes_on(1).await;
    let found = promoted.elapsed();
    load.goes_on(200).await;

    // The old one comes back as a standby of nobody, read-only, and stands first in the list.
    pair.primary.server.folder().write("data/standby.signal", "");
    pair.primary_comes_back(&[]).await;
    load.goes_on(200).await;
    fresh_connections(&pair.standby).await;
    load.goes_on(200).await;

    let seen = load.end().await;
    all_refresh(&nodes, &seen).await;
    figures(&format!(
        "postgres failover: {} answers good, {} refused, {} sessions kept, longest {:?}, \
         {found:?} from pg_ctl promote to the first success",
        seen.good,
        seen.refused,
        seen.pairs.len(),
        seen.longest
    ));
    assert!(seen.longest < BOUND, "{:?}", seen.longest);
}

/// Ends every connection of the nodes, so that they have to choose again.
async fn fresh_connections(postgres: &Postgres) {
    let end = format!(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = '{ROLE}'"
    );
    postgres.execute("postgres", &end).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_primary_that_takes_writes_again_gets_none() {
    let mut pair = Pair::start().await;
    let nodes = pair.nodes().await;
    let load = Load::start(&nodes, CLIENTS).await;
    pair.primary.server.kill();
    load.is_refused().await;
    pair.promote();
    load.goes_on(100).await;

    // Its service manager has started it, and nobody has told it that it is superseded.
    pair.primary_comes_back(&["-c", "synchronous_standby_names="]).await;
    assert!(pair.primary.shows("select not pg_is_in_recovery()").await.is_some());
    let sessions = async || {
        let client = pair.primary.connect("sessions").await.unwrap();
        let row = client.query_one("select count(*), sum(generation) from cambio.sessions", &[]);
        let row = row.await.unwrap();
        (row.get::<_, i64>(0), row.get::<_, Option<i64>>(1))
    };
    let before = sessions().await;
    fresh_connections(&pair.standby).await;
    load.goes_on(200).await;
    // Nodes that have seen neither choose as well.
    let others = pair.nodes().await;
    for node in &others {
        node.signed_on("somebody new").await;
    }
    // Nor is it a stopgap while the new one is away.
    pair.standby.crash().await;
    load.is_refused().await;
    load.is_refused().await;
    pair.standby.start_again().await;
    load.goes_on(200).await;

    let seen = load.end().await;
    all_refresh(&nodes, &seen).await;
    assert_eq!(sessions().await, before, "the old primary has been written to");
    figures(&format!(
        "postgres with its old primary back: {} answers good, {} refused, {} sessions kept, \
         longest {:?}",
        seen.good,
        seen.refused,
        seen.pairs.len(),
        seen.longest
    ));
    assert!(seen.longest < BOUND, "{:?}", seen.longest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_synchronous_standby_that_is_away_longer_than_grace_makes_nobody_a_thief() {
    let pair = Pair::start().await;
    let nodes = pair.nodes().await;
    let mut pairs = Vec::new();
    for n in 0..24 {
        pairs.push(nodes[n % 2].signed_on(&format!("account{n}")).await);
    }
    let silenced = Silenced::new(&pair.standby);
    // Whoever is in the middle of it when it begins learns of it.
    for node in &nodes {
        let store = node.app.store();
        eventually("it is felt", async || store.swap_keys("nothing", 0, b"").await.err()).await;
    }
    // Longer than `refresh_grace`, and all clients try.
    for _ in 0..3 {
        let tries = pairs.iter().enumerate().map(|(n, pair)| nodes[n % 2].refreshed(pair));
        for answer in futures_util::future::join_all(tries).await {
            answer.problem(503);
        }
        nodes.iter().for_each(|node| node.advance(60));
    }
    for node in &nodes {
        assert!(node.app.store().check().await.is_err(), "not ready");
        // Reading needs nobody's disk.
        let (tenant, account) = (TenantId::parse(OPERATOR_TENANT), AccountId::parse("account0"));
        let now = Timestamp::from_secs(node.now());
        let found = node.app.store().sessions(&tenant.unwrap(), &account.unwrap(), now).await;
        assert_eq!(found.unwrap().len(), 1);
    }
    drop(silenced);
    for (n, pair) in pairs.iter().enumerate() {
        let refreshed = async || {
            let answer = nodes[n % 2].refreshed(pair).await;
            (answer.status != 503).then_some(answer)
        };
        eventually("it can be found out", refreshed).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_says_nothing_is_not_waited_for_and_its_successor_is_found() {
    const TIMEOUT: Duration = Duration::from_secs(6);
    let pair = Pair::start().await;
    let nodes = pair.nodes_with("6s").await;
    let session = nodes[0].signed_on("1663").await;
    let silenced = Silenced::new(&pair.primary);
    let (tenant, account) = (TenantId::parse(OPERATOR_TENANT), AccountId::parse("1663"));
    let (tenant, account) = (tenant.unwrap(), account.unwrap());
    let refused = async || {
        let begun = Instant::now();
        let refresh = || nodes[0].refreshed(&session);
        let store = nodes[0].app.store();
        // Reading does not wait for what writing waits for.
        let reads = store.devices(&tenant, &account);
        let (one, other, read) = tokio::join!(refresh(), refresh(), reads);
        one.problem(503);
        other.problem(503);
        assert!(read.is_err());
        begun.elapsed()
    };
    eventually("it is known", async || (refused().await < TIMEOUT / 2).then_some(())).await;
    let (begun, mut longest) = (Instant::now(), Duration::ZERO);
    while begun.elapsed() < TIMEOUT / 2 {
        longest = longest.max(refused().await);
    }
    // For longer than a search for a server takes: not even who begins the next one waits for it.
    while begun.elapsed() < TIMEOUT * 2 {
        let asked = Instant::now();
        assert!(nodes[0].app.store().devices(&tenant, &account).await.is_err());
        longest = longest.max(asked.elapsed());
    }
    assert!(longest < TIMEOUT / 2, "{longest:?}");

    let promoted = Instant::now();
    pair.promote();
    let answer = eventually("the successor is found", async || {
        let answer = nodes[0].refreshed(&session).await;
        (answer.status != 503).then_some(answer)
    });
    answer.await.expect(200);
    let found = promoted.elapsed();
    drop(silenced);
    figures(&format!(
        "postgres with a silent primary: longest 503 {longest:?}, {found:?} from pg_ctl promote to \
         the first success"
    ));
    assert!(found < TIMEOUT / 2, "{found:?}");
}

/// Somebody who accepts connections and never says a word.
fn silent() -> (std::net::TcpListener, u16) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_host_that_is_silent_costs_no_call_its_deadline() {
    let postgres = postgres::shared().await;
    let (_listener, dead) = silent();
    let database = postgres.database().await;
    let nodes = nodes(&format!(
        "store = {{ kind = \"postgres\", postgres = {{ database = \"{database}\", user = \"{USER}\",
             password = \"{PASSWORD}\", timeout = \"10s\", connect_timeout = \"60s\",
             hosts = [\"127.0.0.1:{dead}\", \"127.0.0.1:{}\"] }} }}",
        postgres.port
    ))
    .await;
    for n in 0..8 {
        let begun = Instant::now();
        let pair = nodes[n % 2].signed_on("1663").await;
        nodes[(n + 1) % 2].refreshed(&pair).await.expect(200);
        assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_only_reads_is_served_by_any_of_the_hosts() {
    let primary = Postgres::start().await;
    let standby = standby_of(&primary).await;
    let (_listener, dead) = silent();
    let table = json!({"user": USER, "password": PASSWORD, "database": "postgres",
        "connect_timeout": "60s", "timeout": "60s", "hosts": [
            format!("127.0.0.1:{dead}"), format!("127.0.0.1:{}", standby.port)]});
    let mut problems = Problems::default();
    let settings = parse::<PostgresSettings>(table, "postgres", &mut problems).unwrap();
    let pool = settings.load("postgres", &mut problems).unwrap().pool();
    for _ in 0..2 {
        let begun = Instant::now();
        let lease = pool.lease(begun + Duration::from_secs(60)).await.unwrap();
        let row = lease.query_one("select pg_is_in_recovery()", &[]).await.unwrap();
        assert!(row.get::<_, bool>(0), "it is the standby");
        assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
    }
}
