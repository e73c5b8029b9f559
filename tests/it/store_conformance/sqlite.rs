//! What only the `sqlite` backend promises: the file, its durability and its bounds.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cambio::session::{LAST_GENERATION, RefreshError};
use rusqlite::Connection;
use serde_json::json;

use super::*;

pub(super) async fn open_at(path: &Path) -> Result<Arc<dyn Store>, StoreError> {
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
            // To another process, which sees what is committed.
            let other = open_at(&path).await.unwrap();
            let session = sign_on(n, "any").id;
            let there = other.session(&tenant("nagra"), &account("1663"), session, at(0)).await;
            let device = there.unwrap().unwrap().device;
            let devices = other.devices(&tenant("nagra"), &account("1663")).await.unwrap();
            assert!(devices.iter().any(|one| one.id == device));
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
async fn the_sweep_reads_only_what_is_due() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = open_at(&path).await.unwrap();
    let plan = |sql: &str| {
        let sql = format!("EXPLAIN QUERY PLAN {sql}");
        let db = beside(&path);
        let mut plan = db.prepare(&sql).unwrap();
        let steps = plan.query_map((), |row| row.get::<_, String>(3)).unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>()
    };
    assert_eq!(
        plan("SELECT at, id FROM due WHERE at <= 1 ORDER BY at, id LIMIT 5"),
        ["SEARCH due USING PRIMARY KEY (at<?)"]
    );
    assert_eq!(
        plan("DELETE FROM due WHERE (at, id) <= (1, 2)"),
        ["SEARCH due USING PRIMARY KEY ((at,id)<(?,?))"]
    );

    // One row a session, whatever becomes of it; none is left of those that are gone.
    let due = || {
        let db = beside(&path);
        let mut due = db.prepare("SELECT at FROM due ORDER BY at").unwrap();
        let due = due.query_map((), |row| row.get::<_, i64>(0)).unwrap();
        due.map(|due| due.unwrap() - at(0).secs()).collect::<Vec<_>>()
    };
    let refreshed = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let ended = store.begin(sign_on(2, "b"), at(0)).await.unwrap().session;
    store.begin(sign_on(3, "c"), at(0)).await.unwrap();
    store.refresh(&token(&refreshed, 1), next(5), at(5)).await.unwrap();
    let owner = account("1663");
    assert_eq!(store.end(&ended.tenant, &owner, ended.id, &ended.device, at(5)).await, Ok(true));
    assert_eq!(due(), [IDLE, IDLE, IDLE]);
    assert_eq!(store.sweep(100, at(IDLE - 1)).await, Ok(0));
    assert_eq!(store.sweep(100, at(IDLE)).await, Ok(1));
    assert_eq!(due(), [IDLE + 5]);
    assert_eq!(store.sweep(100, at(IDLE + 5)).await, Ok(1));
    assert_eq!(due(), Vec::<i64>::new());
}

#[tokio::test]
async fn a_session_that_cannot_be_read_keeps_no_other_from_being_swept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = open_at(&path).await.unwrap();
    for (number, name) in [(1, "a"), (2, "b"), (3, "c")] {
        store.begin(sign_on(number, name), at(0)).await.unwrap();
    }
    let db = beside(&path);
    db.execute("UPDATE sessions SET account = '' WHERE number = 1", ()).unwrap();
    assert_eq!(store.sweep(10, at(IDLE)).await, Ok(2));
    assert_eq!(store.sweep(10, at(IDLE)).await, Ok(0));
    // It is looked at again a day later.
    db.execute("UPDATE sessions SET account = '1663'", ()).unwrap();
    assert_eq!(store.sweep(10, at(IDLE + 86_400 - 1)).await, Ok(0));
    assert_eq!(store.sweep(10, at(IDLE + 86_400)).await, Ok(1));
}
