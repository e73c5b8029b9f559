//! What `docs/operations` says of backups, done to the letter while clients are at work: the commands are taken
//! from there. Another store is made of each backup, and other nodes with the same encryption key serve
//! from it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Fleet;
use super::load::Load;
use crate::e2e::process::Process;
use crate::e2e::server::{Ags, Answer};
use crate::real::postgres::{self, PASSWORD, Postgres, USER};
use crate::real::redis::{self, Redis};
use crate::real::server::{Folder, Server};
use crate::real::{eventually, free_port};
use crate::support::header_of;

const STORES: &str = include_str!("../../../../docs/operations/stores.md");
const REDIS: &str = include_str!("../../../../docs/operations/redis.md");

const REFRESHING: usize = 8;
const COMING: usize = 4;
/// Calls that are carried out before a backup.
const BEFORE: usize = 200;
/// Sessions that nobody touches from before the backup until after the restore.
const UNTOUCHED: usize = 6;

/// The one block of commands or statements in a document that has this in it.
fn block(document: &'static str, text: &str) -> &'static str {
    let blocks = document.split("\n```").skip(1).step_by(2);
    let found: Vec<_> = blocks.filter(|block| block.contains(text)).collect();
    assert_eq!(found.len(), 1, "blocks with {text:?}");
    found[0].split_once('\n').unwrap().1
}

/// What stands in quotes in a block, for who is no shell.
fn quoted(block: &'static str) -> &'static str {
    block.split('"').nth(1).unwrap()
}

/// Runs commands in a folder, as its server's user.
fn run(folder: &Folder, commands: &str, environment: &[(&str, String)]) {
    let mut shell = folder.command("sh", "sh");
    shell.args(["-euc", commands]).envs(environment.iter().map(|(name, value)| (name, value)));
    tokio::task::block_in_place(|| folder.run("sh", shell));
}

/// What clients hold of a store that was backed up.
struct Held {
    /// Signed on before the backup.
    untouched: Vec<Answer>,
    /// Signed on before and refreshed after it: the newest pair.
    refreshed: Answer,
    /// Signed on before and signed out after it.
    signed_out: Answer,
    /// Signed on after it.
    late: Answer,
}

async fn signed_on(client: &Ags, device: Option<&str>) -> Answer {
    let ticket = client.ticket().await.unwrap();
    let pair = client.sign_on(&ticket, device).await.unwrap();
    assert_eq!(pair.status, 201, "{pair:?}");
    pair
}

/// Makes a backup of a store that is at work, and goes on.
async fn backed_up(nodes: usize, store: &str, what: &str, backup: impl AsyncFnOnce()) -> Held {
    let fleet = Fleet::start(nodes, store).await;
    let load = Load::start(&fleet, REFRESHING, COMING).await;
    load.goes_on(BEFORE).await;
    let mut untouched = Vec::new();
    for n in 0..UNTOUCHED {
        untouched.push(signed_on(&fleet.client(&format!("untouched-{n}")), None).await);
    }
    let client = fleet.client("changed");
    let (first, signed_out) = (signed_on(&client, None).await, signed_on(&client, None).await);

    backup().await;

    let refreshed = client.refresh(&first.text("refresh_token")).await.unwrap();
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    let ended = client.sign_out(&signed_out.text("access_token")).await.unwrap();
    assert_eq!(ended.status, 200, "{ended:?}");
    let late = signed_on(&client, None).await;
    load.goes_on(BEFORE).await;
    load.end(&fleet, &format!("backup of {what}")).await;
    Held { untouched, refreshed, signed_out, late }
}

/// What of it is there after the restore, and nothing of sessions once they are emptied.
async fn restored(nodes: usize, store: &str, held: &Held, empty: impl AsyncFnOnce()) {
    let fleet = Fleet::start(nodes, store).await;
    let client = fleet.client("nobody");
    let refresh = async |pair: &Answer| client.refresh(&pair.text("refresh_token")).await.unwrap();
    let mut newest = Vec::new();
    for pair in held.untouched.iter().chain([&held.signed_out]) {
        let devices = client.devices(&pair.text("access_token")).await.unwrap();
        assert_eq!(devices.status, 200, "its token is not verified: {devices:?}");
        let refreshed = refresh(pair).await;
        assert_eq!(refreshed.status, 200, "its session is not there: {refreshed:?}");
        newest.push(refreshed);
    }
    // The store has the generation before, and has never heard of the late one.
    for pair in [&held.refreshed, &held.late] {
        let refused = refresh(pair).await;
        assert_eq!(refused.status, 401, "{refused:?}");
    }
    drop(fleet);

    empty().await;
    let fleet = Fleet::start(nodes, store).await;
    for pair in &newest {
        let refused = fleet.client("nobody").refresh(&pair.text("refresh_token")).await.unwrap();
        assert_eq!(refused.status, 401, "its session is still there: {refused:?}");
    }
    devices_and_keys_are_there(&fleet, held).await;
}

/// Who has registered a device signs on with it, and the key that signs is the one of before the backup.
async fn devices_and_keys_are_there(fleet: &Fleet, held: &Held) {
    for (n, before) in held.untouched.iter().enumerate() {
        let client = fleet.client(&format!("untouched-{n}"));
        let again = signed_on(&client, Some(&before.text("client_id"))).await;
        same_key(before, &again);
    }
}

fn same_key(one: &Answer, other: &Answer) {
    let [one, other] = [one, other].map(|pair| header_of(&pair.text("access_token")));
    assert!(one["kid"].is_string(), "{one}");
    assert_eq!(one, other, "another key signs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_is_copied_under_load_and_restored() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = |dir: &Path| dir.join("cambio.db");
    let store = |dir: &Path| format!("kind = \"sqlite\"\npath = {:?}", file(dir));
    let held = backed_up(1, &store(old.path()), "SQLite", async || {
        let place = file(new.path());
        let copy = quoted(block(STORES, "VACUUM INTO"));
        let copy = copy.replace("/var/backups/cambio.db", place.to_str().unwrap());
        assert!(copy.contains(place.to_str().unwrap()), "{copy}");
        tokio::task::block_in_place(|| sql(&file(old.path()), &copy));
        // As the mask that is documented has it.
        std::fs::set_permissions(place, std::fs::Permissions::from_mode(0o600)).unwrap();
    })
    .await;
    let copy = rusqlite::Connection::open(file(new.path())).unwrap();
    let number =
        |pragma| copy.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(number("application_id"), i64::from(u32::from_be_bytes(*b"Cmbo")));
    assert!(number("user_version") > 0);
    let sound: String = copy.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    drop(copy);
    restored(1, &store(new.path()), &held, async || {
        sql(&file(new.path()), quoted(block(STORES, "DELETE FROM sessions")));
    })
    .await;
}

/// As `sqlite3` does it, which the tests need not have.
fn sql(file: &Path, statements: &str) {
    rusqlite::Connection::open(file).unwrap().execute_batch(statements).unwrap();
}

/// What PostgreSQL's own programs go by.
fn to_postgres(port: u16) -> Vec<(&'static str, String)> {
    let program = postgres::program("psql");
    let programs = program.parent().unwrap().display();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap());
    let login = [("PGUSER", USER), ("PGPASSWORD", PASSWORD), ("PGHOST", "127.0.0.1")];
    let login = login.into_iter().map(|(name, value)| (name, value.to_owned()));
    login.chain([("PGPORT", port.to_string()), ("PATH", path)]).collect()
}

/// A store that nodes have no more rights to than they need.
fn in_postgres(port: u16, role: &str) -> String {
    format!(
        "kind = \"postgres\"\nmigrate = \"check\"\npostgres = {{ port = {port}, database = \"cambio\", \
         user = \"{role}\", password = \"{PASSWORD}\" }}"
    )
}

/// One whose owner has made the tables, with roles as documented.
async fn postgres_with_roles() -> Postgres {
    let postgres = Postgres::start().await;
    let folder = postgres.server.folder();
    let roles = block(STORES, "CREATE ROLE cambio_owner").replace('…', PASSWORD);
    folder.write("roles.sql", roles);
    let psql = "psql --set=ON_ERROR_STOP=1 --file=roles.sql postgres";
    run(folder, psql, &to_postgres(postgres.port));
    let config = folder
        .write("owner.toml", format!("[store]\n{}", in_postgres(postgres.port, "cambio_owner")));
    let apply = ["store", "migrate", "apply", "--config", config.to_str().unwrap()];
    let applied = Process::run(&apply, &[], "").await;
    assert_eq!(applied.code, Some(0), "{applied:?}");
    postgres
}

async fn empty_postgres(postgres: &Postgres) {
    run(postgres.server.folder(), block(STORES, "TRUNCATE"), &to_postgres(postgres.port));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_copied_under_load_and_restored() {
    let old = postgres_with_roles().await;
    let folder = Folder::new("postgres");
    let copy = block(STORES, "pg_basebackup").replace("/var/backups/cambio", "data");
    let store = in_postgres(old.port, "cambio");
    let held = backed_up(2, &store, "PostgreSQL's files", async || {
        run(&folder, &copy, &to_postgres(old.port));
    })
    .await;
    drop(old);
    let port = free_port();
    let command = postgres::command(&folder, port);
    let mut new = Postgres { server: Server::start("postgres", folder, command), port };
    new.ready().await;
    restored(2, &in_postgres(port, "cambio"), &held, async || empty_postgres(&new).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_dumped_without_sessions_under_load_and_restored() {
    let (old, new) = (postgres_with_roles().await, Postgres::start().await);
    let folder = new.server.folder();
    let store = in_postgres(old.port, "cambio");
    let held = backed_up(2, &store, "PostgreSQL's keys, devices and accounts", async || {
        run(folder, block(STORES, "--format=custom"), &to_postgres(old.port));
    })
    .await;
    drop(old);
    run(folder, block(STORES, "pg_restore"), &to_postgres(new.port));
    let fleet = Fleet::start(2, &in_postgres(new.port, "cambio")).await;
    for pair in &held.untouched {
        let refused = fleet.client("nobody").refresh(&pair.text("refresh_token")).await.unwrap();
        assert_eq!(refused.status, 401, "sessions were not to be kept: {refused:?}");
    }
    devices_and_keys_are_there(&fleet, &held).await;
}

/// Runs `redis-cli` as documented.
fn run_redis_cli(folder: &Folder, commands: &str, port: u16) {
    let commands = commands.replace("redis-cli", &format!("redis-cli -p {port}"));
    run(folder, &commands, &[("REDISCLI_AUTH", redis::PASSWORD.to_owned())]);
}

fn in_redis(redis: &Redis) -> String {
    format!(
        "kind = \"redis\"\n[store.redis]\nnodes = [\"127.0.0.1:{}\"]\npassword = {:?}",
        redis.port,
        redis::PASSWORD
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_copied_under_load_and_restored() {
    let old = Redis::start_with(&["--save", "", "--appendonly", "yes"]).await;
    let held = backed_up(2, &in_redis(&old), "Redis", async || {
        run_redis_cli(old.server.folder(), block(REDIS, "--rdb"), old.port);
    })
    .await;
    let copy = std::fs::read(old.server.folder().path().join("cambio.rdb")).unwrap();
    drop(old);

    // As it is configured by nobody: without an append-only file.
    let mut new = Redis::start_with(&[]).await;
    new.server.stop().await;
    new.server.folder().write("dump.rdb", copy);
    new.start_again().await;
    for command in block(REDIS, "CONFIG SET appendonly yes").lines() {
        run_redis_cli(new.server.folder(), command, new.port);
        eventually("the append-only file is written", async || {
            let info = new.ask(&["INFO", "persistence"]).await.unwrap();
            let info: String = ::redis::from_redis_value(info).unwrap();
            (info.contains("aof_rewrite_in_progress:0") && info.contains("aof_rewrite_scheduled:0"))
                .then_some(())
        })
        .await;
    }
    new.server.kill();
    std::fs::remove_file(new.server.folder().path().join("dump.rdb")).unwrap();
    new.start_again().await;
    restored(2, &in_redis(&new), &held, async || {
        run_redis_cli(new.server.folder(), block(REDIS, "UNLINK"), new.port);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_rings_alone_are_copied_from_one_redis_to_another() {
    let (old, new) = (Redis::start().await, Redis::start().await);
    let fleet = Fleet::start(1, &in_redis(&old)).await;
    let before = signed_on(&fleet.client("ada"), None).await;
    run_redis_cli(old.server.folder(), block(REDIS, "DUMP"), old.port);
    drop(fleet);
    run_redis_cli(old.server.folder(), block(REDIS, "RESTORE"), new.port);
    let fleet = Fleet::start(1, &in_redis(&new)).await;
    same_key(&before, &signed_on(&fleet.client("ada"), None).await);
}
