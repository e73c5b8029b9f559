//! `cambio sessions`, `cambio devices` and `cambio store`, beside a server that is running.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::config::{ONE_TENANT, write};
use super::process::{Ended, Process};
use super::server::{Server, log_lines};

struct Operator {
    config: PathBuf,
}

impl Operator {
    /// On the store of a demo in this folder.
    fn of(dir: &Path) -> Self {
        let path = dir.join("cambio.db");
        let text = format!("[store]\nkind = \"sqlite\"\npath = \"{}\"\n", path.display());
        Self { config: write(dir, "operator.toml", &text) }
    }

    async fn run(&self, args: &[&str]) -> Ended {
        let args = [args, &["--config", self.config.to_str().unwrap()]].concat();
        Process::run(&args, &[], "").await
    }

    /// What it printed, of a command that succeeds.
    async fn said(&self, args: &[&str]) -> String {
        let ended = self.run(args).await;
        assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.stderr);
        ended.stdout
    }

    async fn sessions(&self) -> Vec<Value> {
        let listed = self.said(&["sessions", "list", "--json"]).await;
        listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[tokio::test]
async fn an_operator_lists_counts_and_ends_sessions_while_the_server_runs() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::demo_in(dir.path(), &[]).await;
    let (ags, operator) = (server.ags(), Operator::of(dir.path()));
    let mut bodies = Vec::new();
    for _ in 0..3 {
        let ticket = ags.ticket().await.unwrap();
        bodies.push(ags.sign_on(&ticket, None).await.unwrap());
    }
    let account = bodies[0].text("accountId");
    let of = ["--tenant", "nagra", "--account", &account];

    let listed = operator.sessions().await;
    // The demo signs on once to have tokens to print.
    let ours = bodies.iter().map(|body| body.text("client_id"));
    for device in ours {
        assert!(listed.iter().any(|session| session["device"] == *device), "{listed:?}");
    }
    let lines = operator.said(&[&["sessions", "list"], &of[..]].concat()).await;
    assert_eq!(lines.lines().count(), listed.len());
    for of in [&[][..], &of[..]] {
        let some = operator.run(&[&["sessions", "list", "--limit", "1"], of].concat()).await;
        assert_eq!(some.stdout.lines().count(), 1);
        assert!(some.stderr.contains("more than 1,"), "{}", some.stderr);
        let all = listed.len().to_string();
        let all = operator.run(&[&["sessions", "list", "--limit", &all], of].concat()).await;
        assert_eq!((all.stdout.lines().count(), &*all.stderr), (listed.len(), ""));
    }
    assert_eq!(operator.said(&["sessions", "list", "--tenant", "nobody"]).await, "");
    let stats = operator.said(&["sessions", "stats", "--json"]).await;
    let stats: Value = serde_json::from_str(&stats).unwrap();
    assert_eq!(stats["sessions"], listed.len());
    assert_eq!(stats["services"][0]["tenant"], "nagra");
    assert!(operator.said(&["sessions", "stats"]).await.contains("nagra / Customer Auth Service"));

    let device = bodies[0].text("client_id");
    let session = listed.iter().find(|session| session["device"] == *device).unwrap();
    let name = session["session"].as_str().unwrap();
    let revoke_one = [&["sessions", "revoke", "--session", name], &of[..]].concat();
    assert_eq!(operator.said(&revoke_one).await, "1 ended\n");
    assert_eq!(operator.said(&revoke_one).await, "0 ended\n");
    assert_eq!(ags.refresh(&bodies[0].text("refresh_token")).await.unwrap().status, 401);
    let refreshed = ags.refresh(&bodies[1].text("refresh_token")).await.unwrap();
    assert_eq!(refreshed.status, 200);

    let ended = operator.said(&[&["sessions", "revoke", "--all"], &of[..]].concat()).await;
    assert_eq!(ended, format!("{} ended\n", listed.len() - 1));
    assert_eq!(ags.refresh(&refreshed.text("refresh_token")).await.unwrap().status, 401);
    assert_eq!(ags.refresh(&bodies[2].text("refresh_token")).await.unwrap().status, 401);
    assert_eq!(operator.sessions().await, Vec::<Value>::new());
    assert_eq!(operator.said(&["sessions", "prune"]).await, "0 removed\n");
    assert_eq!(server.stop("TERM").await.code, Some(0));
}

#[tokio::test]
async fn an_operator_disables_enables_and_deletes_devices() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::demo_in(dir.path(), &[]).await;
    let (ags, operator) = (server.ags(), Operator::of(dir.path()));
    let ticket = ags.ticket().await.unwrap();
    let body = ags.sign_on(&ticket, None).await.unwrap();
    let (account, device) = (body.text("accountId"), body.text("client_id"));
    let of = ["--tenant", "nagra", "--account", &account];
    let token = body.text("refresh_token");
    let code =
        async |what: &str| operator.run(&[&["devices", what, &device], &of[..]].concat()).await;

    assert_eq!(code("disable").await.stdout, "disabled\n");
    let refused = ags.refresh(&token).await.unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (403, &Value::from(20004)));
    assert_eq!(code("enable").await.stdout, "enabled\n");
    let token = ags.refresh(&token).await.unwrap().text("refresh_token");
    assert_eq!(code("delete").await.stdout, "deleted\n");
    let refused = ags.refresh(&token).await.unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (403, &Value::from(20003)));
    let again = code("enable").await;
    assert_eq!((again.code, &*again.stdout), (Some(1), ""));
    assert!(again.stderr.contains("deleted"), "{}", again.stderr);
    let listed = operator.said(&[&["devices", "list"], &of[..]].concat()).await;
    let state = |line: &str| serde_json::from_str::<Value>(line).unwrap()["state"].clone();
    assert!(listed.lines().any(|line| state(line) == "deleted"), "{listed}");
}

#[tokio::test]
async fn a_schema_is_checked_and_applied_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let operator = Operator::of(dir.path());
    let check = ["store", "migrate", "check"];
    let missing = operator.run(&check).await;
    assert_eq!(missing.code, Some(1), "{}", missing.stderr);
    assert!(missing.stdout.contains("there is no store yet"), "{}", missing.stdout);
    assert!(!dir.path().join("cambio.db").exists());
    let sessions = operator.run(&["sessions", "list"]).await;
    assert_eq!(sessions.code, Some(1));
    assert!(sessions.stderr.contains("there is no store yet"), "{}", sessions.stderr);
    assert!(!dir.path().join("cambio.db").exists());

    let applied = operator.said(&["store", "migrate", "apply"]).await;
    assert!(applied.ends_with(": up to date\n"), "{applied}");
    assert_eq!(operator.said(&check).await, applied);
    assert_eq!(operator.sessions().await, Vec::<Value>::new());

    let path = dir.path().join("cambio.db");
    let file = rusqlite::Connection::open(&path).unwrap();
    file.pragma_update(None, "user_version", 1).unwrap();
    let old = operator.run(&check).await;
    assert_eq!(old.code, Some(1));
    assert!(old.stdout.starts_with("schema 1 of "), "{}", old.stdout);
    let sessions = operator.run(&["sessions", "list"]).await;
    assert!(sessions.stderr.contains("cambio store migrate"), "{}", sessions.stderr);
    file.pragma_update(None, "user_version", 999).unwrap();
    let newer = operator.run(&check).await;
    assert_eq!(newer.code, Some(2));
    assert!(newer.stderr.contains("newer version"), "{}", newer.stderr);
}

#[tokio::test]
async fn a_reader_that_leaves_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::demo_in(dir.path(), &[]).await;
    let operator = Operator::of(dir.path());
    assert!(!operator.sessions().await.is_empty());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_cambio"))
        .args(["sessions", "list", "--config"])
        .arg(&operator.config)
        .stdout(writer)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(server.stop("TERM").await.code, Some(0));
}

#[tokio::test]
async fn a_tenant_that_is_not_configured_is_remarked_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = format!("kind = \"sqlite\"\npath = \"{}\"", dir.path().join("c.db").display());
    let text = ONE_TENANT.replace("kind = \"memory\"", &store);
    let operator = Operator { config: write(dir.path(), "cambio.toml", &text) };
    operator.said(&["store", "migrate", "apply"]).await;
    for (tenant, remark) in
        [("communtiy", "cambio: the configuration has no tenant communtiy\n"), ("community", "")]
    {
        let args = ["sessions", "revoke", "--all", "--account", "1", "--tenant", tenant];
        let ended = operator.run(&args).await;
        assert_eq!((ended.code, &*ended.stdout), (Some(0), "0 ended\n"));
        assert_eq!(ended.stderr, remark);
    }
}

#[tokio::test]
async fn a_memory_store_cannot_be_asked_from_outside() {
    let dir = tempfile::tempdir().unwrap();
    let config = write(dir.path(), "cambio.toml", ONE_TENANT);
    let operator = Operator { config };
    let refused = operator.run(&["sessions", "stats"]).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("memory"), "{}", refused.stderr);
    assert!(operator.said(&["store", "migrate", "check"]).await.contains("no schema"));
}

#[tokio::test]
async fn wrong_calls_say_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let operator = Operator::of(dir.path());
    for args in [
        &["sessions", "revoke", "--tenant", "nagra", "--account", "1"][..],
        &["sessions", "revoke", "--tenant", "n", "--account", "1", "--all", "--session", "1.2"],
        &["sessions", "revoke", "--tenant", "n", "--account", "1", "--session", "x"],
        &["sessions", "list", "--account", "1"],
        &["sessions", "list", "--tenant", "a b"],
    ] {
        let ended = operator.run(args).await;
        assert_eq!(ended.code, Some(2), "{args:?}");
        assert!(!ended.stderr.is_empty());
    }
}

/// The audit log's messages.
fn audited(stderr: &str) -> Vec<String> {
    let lines = log_lines(stderr).into_iter().filter(|line| line["target"] == "cambio::audit");
    lines.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn reuse_and_eviction_are_in_the_audit_log() {
    let env = [
        ("CAMBIO__LOG__LEVEL", "info"),
        ("CAMBIO__TENANTS__NAGRA__AGS__SESSIONS__MAX", "1"),
        ("CAMBIO__TENANTS__NAGRA__AGS__SESSIONS__WHEN_FULL", "evict_oldest"),
    ];
    let server = Server::demo(&env).await;
    let ags = server.ags();
    let mut bodies = Vec::new();
    for _ in 0..2 {
        let ticket = ags.ticket().await.unwrap();
        bodies.push(ags.sign_on(&ticket, None).await.unwrap());
    }
    let told = ags.refresh(&bodies[0].text("refresh_token")).await.unwrap();
    assert_eq!(
        (told.status, told.text("type").as_str()),
        (401, "urn:cambio:problem:session-evicted")
    );
    let first = bodies[1].text("refresh_token");
    let second = ags.refresh(&first).await.unwrap().text("refresh_token");
    ags.refresh(&second).await.unwrap();
    assert_eq!(ags.refresh(&first).await.unwrap().status, 401);
    let log = audited(&server.stop("TERM").await.stderr);
    let count = |message: &str| log.iter().filter(|line| *line == message).count();
    assert!(count("sessions evicted by a newer one") >= 1, "{log:?}");
    assert_eq!(count("refresh token reused, session ended"), 1, "{log:?}");
}
