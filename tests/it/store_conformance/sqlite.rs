//! What only the `sqlite` backend promises: the file, its durability and its bounds.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cambio::session::{DeviceChange, DeviceState, LAST_GENERATION, RefreshError};
use rusqlite::Connection;
use serde_json::json;

use super::*;

async fn open_at(path: &Path) -> Result<Arc<dyn Store>, StoreError> {
    open(json!({"kind": "sqlite", "path": path})).await
}

/// Another process's view of the file.
fn beside(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

#[tokio::test]
async fn everything_survives_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = open_at(&path).await.unwrap();
    let session = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    store.refresh(&token(&session, 1), next(9), at(9)).await.unwrap();
    store.put_ticket(digest(1), ticket()).await.unwrap();
    store.swap_keys("k", 0, b"ring").await.unwrap();
    drop(store);

    let store = open_at(&path).await.unwrap();
    let found =
        store.session(&session.tenant, &account("1663"), session.id, at(9)).await.unwrap().unwrap();
    assert_eq!((found.generation, found.facts), (2, session.facts));
    let devices = store.devices(&tenant("nagra"), &account("1663")).await.unwrap();
    assert_eq!(devices, [device("a")]);
    assert_eq!(store.peek_ticket(digest(1), at(0)).await.unwrap(), Some(ticket()));
    assert_eq!(store.load_keys("k").await.unwrap().unwrap().bytes, b"ring");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledged_begin_is_committed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = open_at(&path).await.unwrap();
    let calls = (0..64).map(|n| {
        let (store, path) = (Arc::clone(&store), path.clone());
        async move {
            store.begin(sign_on(n, &format!("d{n}")), at(0)).await.unwrap();
            let there: bool = beside(&path)
                .query_row(
                    "SELECT count(*) = 1 FROM sessions JOIN devices ON devices.id = device
                     WHERE number = ?1",
                    (n.cast_signed(),),
                    |row| row.get(0),
                )
                .unwrap();
            assert!(there);
        }
    });
    race(calls).await;
}

#[tokio::test]
async fn closing_leaves_one_file_with_everything_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_at(&dir.path().join("store.db")).await.unwrap();
    store.begin(sign_on(1, "a"), at(0)).await.unwrap();
    drop(store);
    let files: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(files, ["store.db"]);
}

#[tokio::test]
async fn the_files_are_their_owners_only() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_at(&dir.path().join("store.db")).await.unwrap();
    store.begin(sign_on(1, "a"), at(0)).await.unwrap();
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
}

#[tokio::test]
async fn a_missing_directory_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = open_at(&dir.path().join("missing").join("store.db")).await.unwrap_err();
    assert!(error.0.contains("missing does not exist"), "{error}");
    assert!(!dir.path().join("missing").exists());
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    drop(open_at(&path).await.unwrap());
    beside(&path).pragma_update(None, "user_version", 999).unwrap();
    let error = open_at(&path).await.unwrap_err();
    assert!(error.0.contains("newer version of cambio: schema 999"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_store_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("other.db");
    beside(&database).execute_batch("CREATE TABLE other (a)").unwrap();
    let error = open_at(&database).await.unwrap_err();
    assert!(error.0.contains("not a session store"), "{error}");
    let text = dir.path().join("text");
    std::fs::write(&text, "not a database, but long enough to be one".repeat(100)).unwrap();
    let before = std::fs::read(&text).unwrap();
    let error = open_at(&text).await.unwrap_err();
    assert!(error.0.contains("not a database"), "{error}");
    assert_eq!(std::fs::read(&text).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store =
        open(json!({"kind": "sqlite", "path": path, "queue": 1, "max_batch": 1})).await.unwrap();
    // While another process writes, one call is at the writer and one in the queue.
    let other = beside(&path);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (answered, mut answers) = tokio::sync::mpsc::unbounded_channel();
    for n in 0..8 {
        let (store, answered) = (Arc::clone(&store), answered.clone());
        tokio::spawn(async move {
            let begun = store.begin(sign_on(n, &format!("d{n}")), at(0)).await;
            answered.send(begun.is_ok()).unwrap();
        });
    }
    drop(answered);
    for _ in 0..6 {
        assert_eq!(answers.recv().await, Some(false));
    }
    other.execute_batch("COMMIT").unwrap();
    let mut begun = 0;
    while let Some(ok) = answers.recv().await {
        begun += usize::from(ok);
    }
    assert!((1..=2).contains(&begun), "{begun}");
    assert_eq!(store.check().await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_write_fails_its_batch_and_nothing_after() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = open_at(&path).await.unwrap();
    let other = beside(&path);
    other
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON sessions
             BEGIN SELECT raise(ABORT, 'refused'); END",
        )
        .unwrap();
    let failed = store.begin(sign_on(1, "a"), at(0)).await;
    assert!(failed.is_err(), "{failed:?}");
    other.execute_batch("DROP TRIGGER refuse").unwrap();
    assert_eq!(store.devices(&tenant("nagra"), &account("1663")).await.unwrap(), []);
    assert!(store.begin(sign_on(1, "a"), at(0)).await.is_ok());
}

#[tokio::test]
async fn an_unreadable_row_is_an_error_and_never_a_verdict() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = open_at(&path).await.unwrap();
    let session = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    beside(&path).execute("UPDATE sessions SET facts = '{\"secret\":1}'", ()).unwrap();
    let error =
        store.session(&session.tenant, &account("1663"), session.id, at(0)).await.unwrap_err();
    assert!(!error.0.contains("secret"), "{error}");
    let refused = store.refresh(&token(&session, 1), next(0), at(0)).await;
    assert!(matches!(refused, Err(RefreshError::Store(_))), "{refused:?}");
    assert!(store.begin(sign_on(2, "b"), at(0)).await.is_ok());
}

#[tokio::test]
async fn the_last_generation_ends_the_session() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = open_at(&path).await.unwrap();
    let session = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let almost = LAST_GENERATION - 1;
    beside(&path).execute("UPDATE sessions SET generation = ?1", (almost,)).unwrap();
    assert!(store.refresh(&token(&session, almost), next(0), at(0)).await.is_ok());
    let last = store.refresh(&token(&session, LAST_GENERATION), next(0), at(0)).await;
    assert_eq!(last, Err(RefreshError::Exhausted));
    assert_eq!(
        store.session(&session.tenant, &account("1663"), session.id, at(0)).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn the_sweep_walks_the_primary_key_from_where_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let _store = open_at(&path).await.unwrap();
    let plan: String = beside(&path)
        .query_row(
            "EXPLAIN QUERY PLAN SELECT ends_at FROM sessions
             WHERE (ends_at, number, tenant) > (1, 2, '3')
             ORDER BY ends_at, number, tenant LIMIT 5",
            (),
            |row| row.get(3),
        )
        .unwrap();
    assert!(plan.starts_with("SEARCH sessions USING PRIMARY KEY"), "{plan}");
}

/// The tables of the first schema, with one session on one device and a ticket.
const FIRST_SCHEMA: &str = r#"
    CREATE TABLE sessions (
        ends_at INTEGER NOT NULL, number INTEGER NOT NULL, tenant TEXT NOT NULL,
        service TEXT NOT NULL, device TEXT NOT NULL, device_class TEXT,
        generation INTEGER NOT NULL, issued_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
        facts TEXT NOT NULL, PRIMARY KEY (ends_at, number, tenant)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE devices (
        tenant TEXT NOT NULL, account TEXT NOT NULL, id TEXT NOT NULL, class TEXT,
        information TEXT NOT NULL, state INTEGER NOT NULL, registered_at INTEGER NOT NULL,
        PRIMARY KEY (tenant, account, id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE tickets (
        digest BLOB NOT NULL PRIMARY KEY, tenant TEXT NOT NULL, service TEXT NOT NULL,
        account TEXT NOT NULL, expires_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE keys (
        name TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, bytes BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    PRAGMA application_id = 0x436d626f;
    PRAGMA user_version = 1;
"#;

#[tokio::test]
async fn a_store_of_the_first_schema_is_brought_up_to_date_with_everything_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let (old_path, path) = (dir.path().join("new.db"), dir.path().join("store.db"));
    // What a session is stored as, taken from a store of today.
    let today = open_at(&old_path).await.unwrap();
    let session = today.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    today.put_ticket(digest(1), ticket()).await.unwrap();
    drop(today);
    let old = beside(&path);
    old.execute_batch(FIRST_SCHEMA).unwrap();
    old.execute("ATTACH ?1 AS today", (old_path.to_str().unwrap(),)).unwrap();
    old.execute_batch(
        "INSERT INTO sessions SELECT ends_at, number, tenant, service, device, device_class,
             generation, issued_at, expires_at, facts FROM today.sessions;
         INSERT INTO devices SELECT tenant, account, id, class, information, state,
             registered_at FROM today.devices;
         INSERT INTO tickets SELECT digest, tenant, service, account, expires_at
             FROM today.tickets;",
    )
    .unwrap();
    drop(old);

    let store = open_at(&path).await.unwrap();
    let found = store.sessions(&tenant("nagra"), &account("1663"), at(1)).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&session));
    assert!(store.refresh(&token(&session, 1), next(1), at(1)).await.is_ok());
    assert!(store.begin(claiming(sign_on_again(2, "a"), digest(1)), at(1)).await.is_ok());
    assert_eq!(store.end_all(&tenant("nagra"), &account("1663"), at(1)).await, Ok(2));
}

#[tokio::test]
async fn sessions_of_the_second_schema_learn_their_devices_state() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = open_at(&path).await.unwrap();
    let usable = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let disabled = store.begin(sign_on(2, "b"), at(0)).await.unwrap().session;
    let off = DeviceChange::State(DeviceState::Disabled);
    let account = account("1663");
    store.change_device(&tenant("nagra"), &account, &disabled.device, off).await.unwrap();
    drop(store);
    beside(&path)
        .execute_batch("ALTER TABLE sessions DROP COLUMN device_state; PRAGMA user_version = 2")
        .unwrap();

    let store = open_at(&path).await.unwrap();
    assert!(store.refresh(&token(&usable, 1), next(1), at(1)).await.is_ok());
    let refused = store.refresh(&token(&disabled, 1), next(1), at(1)).await;
    assert_eq!(refused, Err(RefreshError::DeviceDisabled));
}

#[tokio::test]
async fn an_accounts_sessions_are_found_by_their_index() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let _store = open_at(&path).await.unwrap();
    let plan: String = beside(&path)
        .query_row(
            "EXPLAIN QUERY PLAN SELECT ends_at FROM sessions
             WHERE tenant = '1' AND account = '2' AND expires_at > 3 AND evicted = 0
             ORDER BY ends_at, number",
            (),
            |row| row.get(3),
        )
        .unwrap();
    assert!(plan.contains("USING INDEX sessions_of_account (tenant=? AND account=?)"), "{plan}");
}
