//! The same commands on servers that nodes share: Redis, which has no schema and expires by itself, and
//! PostgreSQL, with its schema made by hand and with no more rights than a node needs.

use super::*;
use crate::real::free_port;
use crate::real::postgres::{self as server, PASSWORD, USER};

const CHECK: [&str; 3] = ["store", "migrate", "check"];
const APPLY: [&str; 3] = ["store", "migrate", "apply"];

/// Takes the password out of the settings: commands find it in their environment.
fn without_password(dir: &Path, mut settings: Value) -> Operator {
    let kind = settings["kind"].as_str().unwrap().to_owned();
    let password = settings[&kind].as_object_mut().unwrap().remove("password").unwrap();
    let variable = match &*kind {
        "redis" => "CAMBIO__STORE__REDIS__PASSWORD",
        _ => "CAMBIO__STORE__POSTGRES__PASSWORD",
    };
    let secret = Some((variable, password.as_str().unwrap().to_owned()));
    Operator { secret, ..Operator::of(dir, &settings) }
}

/// Lists, counts and ends the sessions that [`fill`] has begun.
async fn lists_counts_and_ends(operator: &Operator, store: &Arc<dyn Store>) {
    let listed = operator.said(&["sessions", "list", "--json"]).await;
    let listed: Vec<Value> = listed.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let names: Vec<_> = listed.iter().map(|session| &session["session"]).collect();
    assert_eq!(names.len(), 3, "{listed:?}");
    for name in ["4000000000.1", "4000000000.2", "4000000000.3"] {
        assert!(names.iter().any(|listed| *listed == name), "{names:?}");
    }
    let stats: Value =
        serde_json::from_str(&operator.said(&["sessions", "stats", "--json"]).await).unwrap();
    let of_nagra = json!({"tenant": "nagra", "service": "Customer Auth Service", "sessions": 3});
    assert_eq!(stats, json!({"sessions": 3, "services": [of_nagra]}));

    let one = ["sessions", "revoke", "--session", "4000000000.2"];
    assert_eq!(operator.said(&[&one[..], &OF].concat()).await, "1 ended\n");
    assert_eq!(operator.said(&[&one[..], &OF].concat()).await, "0 ended\n");
    let theirs = [&["sessions", "list"], &OF[..]].concat();
    assert_eq!(operator.said(&theirs).await.lines().count(), 2);
    let all = [&["sessions", "revoke", "--all"], &OF[..]].concat();
    assert_eq!(operator.said(&all).await, "2 ended\n");
    assert_eq!(operator.said(&theirs).await, "");
    assert_eq!(operator.said(&["sessions", "prune"]).await, "0 removed\n");
    let now = Timestamp::from_secs(2_000_000_000);
    let left = store.sessions(&tenant("nagra"), &account("1663"), now).await.unwrap();
    assert_eq!(left, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_works_on_redis() {
    let settings = redis::standalone().await;
    let store = open(settings.clone()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let operator = without_password(dir.path(), settings);
    fill(&store).await;
    for migrate in [CHECK, APPLY] {
        assert_eq!(operator.said(&migrate).await, "the store has no schema\n");
    }
    lists_counts_and_ends(&operator, &store).await;
}

/// The `[store]` table of a new database, whose schema nodes only check.
async fn new_database() -> Value {
    let postgres = server::shared().await;
    let database = postgres.database().await;
    json!({"kind": "postgres", "migrate": "check", "postgres": {"port": postgres.port,
        "database": database, "user": USER, "password": PASSWORD, "timeout": "20s",
        "connect_timeout": "20s"}})
}

/// Runs statements in the database of these settings.
async fn execute(settings: &Value, sql: &str) {
    let database = settings["postgres"]["database"].as_str().unwrap();
    server::shared().await.execute(database, sql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_in_postgresql_is_checked_and_applied_by_hand() {
    let settings = new_database().await;
    let dir = tempfile::tempdir().unwrap();
    let operator = without_password(dir.path(), settings.clone());
    for _ in 0..2 {
        // Looking makes nothing.
        let missing = operator.run(&CHECK).await;
        assert_eq!(missing.code, Some(1), "{}", missing.stderr);
        assert_eq!(missing.stdout, "schema 0 of 1: there is no store yet\n");
    }
    for args in [&["sessions", "list"][..], &["sessions", "prune"]] {
        assert!(operator.refused(args).await.contains("there is no store yet"));
    }
    for migrate in [APPLY, CHECK, APPLY] {
        assert_eq!(operator.said(&migrate).await, "schema 1 of 1: up to date\n");
    }
    assert_eq!(operator.listed().await, 0);

    execute(&settings, "DELETE FROM cambio.migrations").await;
    let lacking = operator.run(&CHECK).await;
    assert_eq!((lacking.code, &*lacking.stderr), (Some(1), ""));
    assert!(lacking.stdout.starts_with("schema 0 of 1: "), "{}", lacking.stdout);
    execute(&settings, "INSERT INTO cambio.migrations VALUES (999)").await;
    for args in [&CHECK[..], &APPLY, &["sessions", "list"]] {
        let newer = operator.refused(args).await;
        assert!(newer.contains("newer version of cambio: it has 999 steps"), "{newer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_works_on_postgresql() {
    let settings = new_database().await;
    let dir = tempfile::tempdir().unwrap();
    let operator = without_password(dir.path(), settings.clone());
    operator.said(&APPLY).await;
    let store = open(settings).await.unwrap();
    fill(&store).await;
    prunes(&operator, &store).await;
    lists_counts_and_ends(&operator, &store).await;
}

/// As the documents have it: the owner's role makes the tables, and nodes and commands run with one that may only
/// use them. The passwords are in files.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_need_no_more_rights_than_a_node() {
    let mut settings = new_database().await;
    let dir = tempfile::tempdir().unwrap();
    let role = format!("node_of_{}", settings["postgres"]["database"].as_str().unwrap());
    execute(&settings, &format!("CREATE ROLE {role} LOGIN PASSWORD 'for the node'")).await;
    let folders = [dir.path().join("owner"), dir.path().join("node")];
    let as_role = |folder: &Path, settings: &Value, password: &str| {
        std::fs::create_dir(folder).unwrap();
        let file = folder.join("password");
        std::fs::write(&file, format!("{password}\n")).unwrap();
        let mut settings = settings.clone();
        settings["postgres"]["password"] = json!({"file": file});
        Operator::of(folder, &settings)
    };
    let owner = as_role(&folders[0], &settings, PASSWORD);
    settings["postgres"]["user"] = role.as_str().into();
    settings["postgres"]["password"] = "for the node".into();
    let node = as_role(&folders[1], &settings, "for the node");

    let refused = node.refused(&APPLY).await;
    assert!(refused.contains("42501"), "no right to create: {refused}");
    assert_eq!(owner.run(&CHECK).await.stdout, "schema 0 of 1: there is no store yet\n");
    owner.said(&APPLY).await;
    execute(
        &settings,
        &format!(
            "GRANT USAGE ON SCHEMA cambio TO {role};
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA cambio TO {role}"
        ),
    )
    .await;
    for migrate in [CHECK, APPLY] {
        assert_eq!(node.said(&migrate).await, "schema 1 of 1: up to date\n");
    }
    let store = open(settings).await.unwrap();
    fill(&store).await;
    prunes(&node, &store).await;
    lists_counts_and_ends(&node, &store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_and_a_server_that_is_away_fail_every_command() {
    let settings = new_database().await;
    let dir = tempfile::tempdir().unwrap();
    let mut away = settings.clone();
    away["postgres"]["port"] = free_port().into();
    let mut wrong = settings;
    wrong["postgres"]["password"] = "not the password".into();
    for settings in [wrong, away] {
        let operator = without_password(dir.path(), settings);
        for args in [&CHECK[..], &APPLY, &["sessions", "stats"], &["sessions", "prune"]] {
            assert!(!operator.refused(args).await.is_empty(), "{args:?}");
        }
    }
}
