//! The operator's commands (`cambio sessions`, `cambio store`) as processes, on each store that they can
//! reach, with the store's password where the documents say. `tests/it/e2e/sessions.rs` tries every
//! command on SQLite, beside a server.

mod real;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::sqlite::open_at;
use super::*;
use crate::e2e::process::{Ended, Process};

/// The account of these sessions, as commands name it.
const OF: [&str; 4] = ["--tenant", "nagra", "--account", "1663"];

/// The commands, on one store.
struct Operator {
    config: PathBuf,
    /// The variable that holds the store's password, and its value.
    secret: Option<(&'static str, String)>,
}

impl Operator {
    /// With a configuration file in `dir` that has this `[store]` table and nothing else.
    fn of(dir: &Path, store: &Value) -> Self {
        let config = dir.join("operator.toml");
        std::fs::write(&config, format!("store = {}\n", toml(store))).unwrap();
        Self { config, secret: None }
    }

    async fn run(&self, args: &[&str]) -> Ended {
        let args = [args, &["--config", self.config.to_str().unwrap()]].concat();
        let env: Vec<_> = self.secret.iter().map(|(name, value)| (*name, &**value)).collect();
        let ended = Process::run(&args, &env, "").await;
        for (_, secret) in &env {
            let said = ended.stdout.contains(secret) || ended.stderr.contains(secret);
            assert!(!said, "{args:?} says the password");
        }
        ended
    }

    /// What it printed, of a command that succeeds.
    async fn said(&self, args: &[&str]) -> String {
        let ended = self.run(args).await;
        assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.stderr);
        ended.stdout
    }

    /// What it complained of, of a command that fails and prints nothing.
    async fn refused(&self, args: &[&str]) -> String {
        let ended = self.run(args).await;
        // `check` has a status for an answer: not up to date.
        let code = if args == ["store", "migrate", "check"] { 2 } else { 1 };
        assert_eq!((ended.code, &*ended.stdout), (Some(code), ""), "{args:?}: {}", ended.stderr);
        ended.stderr
    }

    /// How many sessions it lists.
    async fn listed(&self) -> usize {
        self.said(&["sessions", "list", "--json"]).await.lines().count()
    }
}

/// As TOML on one line, which writes all but tables as JSON does.
fn toml(value: &Value) -> String {
    let Value::Object(table) = value else { return value.to_string() };
    let entries: Vec<_> = table.iter().map(|(key, v)| format!("{key} = {}", toml(v))).collect();
    format!("{{ {} }}", entries.join(", "))
}

/// Begins sessions 1 to 3, which live until the far future by the clock that commands read, and 4 and 5,
/// which have expired by it, as has a ticket.
async fn fill(store: &Arc<dyn Store>) {
    let far = Timestamp::from_secs(4_000_000_000);
    for number in 1..=3 {
        let id = SessionId { ends_at: far, number };
        let new = NewSession { id, expires_at: far, ..sign_on(number, &format!("d{number}")) };
        store.begin(new, at(0)).await.unwrap();
    }
    for number in 4..=5 {
        store.begin(sign_on(number, &format!("d{number}")), at(0)).await.unwrap();
    }
    store.put_ticket(digest(1), ticket()).await.unwrap();
}

/// The numbers of the sessions that are in the store, those that have expired since included.
async fn there(store: &Arc<dyn Store>) -> Vec<u64> {
    let page = store.page(None, 100, at(0)).await.unwrap();
    let mut numbers: Vec<_> = page.sessions.iter().map(|session| session.id.number).collect();
    numbers.sort_unstable();
    numbers
}

/// Prunes what [`fill`] has left behind, and nothing else.
async fn prunes(operator: &Operator, store: &Arc<dyn Store>) {
    assert_eq!(there(store).await, [1, 2, 3, 4, 5]);
    // The third is the ticket.
    assert_eq!(operator.said(&["sessions", "prune"]).await, "3 removed\n");
    assert_eq!(there(store).await, [1, 2, 3]);
    assert_eq!(store.devices(&tenant("nagra"), &account("1663")).await.unwrap().len(), 5);
    assert_eq!(operator.said(&["sessions", "prune"]).await, "0 removed\n");
    assert_eq!(operator.listed().await, 3);
}

#[tokio::test]
async fn prune_removes_what_has_expired_from_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let operator = Operator::of(dir.path(), &json!({"kind": "sqlite", "path": path}));
    let store = open_at(&path).await.unwrap();
    fill(&store).await;
    drop(store);
    // A server that has it open.
    let store = open_at(&path).await.unwrap();
    prunes(&operator, &store).await;
    drop(store);
    assert_eq!(there(&open_at(&path).await.unwrap()).await, [1, 2, 3]);
}

#[tokio::test]
async fn prune_removes_what_a_running_server_has_only_in_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let operator = Operator::of(dir.path(), &json!({"kind": "sqlite", "path": path}));
    let store = open_at(&path).await.unwrap();
    fill(&store).await;
    prunes(&operator, &store).await;
}
