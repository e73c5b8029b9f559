//! What the `sqlite` backend has in its log only, and what becomes of it: when it is written to the trees,
//! when the process dies, and when another process has the same file open, as `cambio sessions` does.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Instant;

use cambio::session::{
    BeginError, DeviceChange, DeviceState, NewSession, RefreshError, SessionLimit, WhenFull,
};
use rusqlite::Connection;
use serde_json::json;

use super::*;

/// A store that writes to the trees what it has so many changes of.
pub(super) async fn open_with(path: &Path, memtable: usize) -> Arc<dyn Store> {
    open(json!({"kind": "sqlite", "path": path, "memtable": memtable})).await.unwrap()
}

/// Rows of the log.
pub(super) fn logged(path: &Path) -> i64 {
    let db = Connection::open(path).unwrap();
    db.query_row("SELECT count(*) FROM changes", (), |row| row.get(0)).unwrap()
}

pub(super) async fn until_merged(path: &Path) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while logged(path) > 0 {
        assert!(Instant::now() < deadline, "{} rows are left", logged(path));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The file as it is now, log and all: what a crash would leave.
pub(super) fn crashed(path: &Path, n: usize) -> PathBuf {
    let copy = path.with_extension(format!("{n}.db"));
    for companion in ["", "-wal"] {
        let of = |path: &Path| PathBuf::from(format!("{}{companion}", path.display()));
        if of(path).exists() {
            std::fs::copy(of(path), of(&copy)).unwrap();
        }
    }
    copy
}

async fn change(store: &Arc<dyn Store>, device: &str, state: DeviceState) {
    let device = DeviceId::parse(device).unwrap();
    let change = DeviceChange::State(state);
    assert!(
        store.change_device(&tenant("nagra"), &account("1663"), &device, change).await.unwrap()
    );
}

#[tokio::test]
async fn what_is_only_in_the_log_survives_a_crash_at_any_time_of_its_merging() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = open_with(&path, 5).await;
    let mut sessions = Vec::new();
    // Each is refreshed twice; every third is ended, and of every fifth the device is disabled.
    for n in 0..60_u64 {
        let name = format!("d{n}");
        let session = store.begin(sign_on(n, &name), at(0)).await.unwrap().session;
        store.refresh(&token(&session, 1), next(1), at(1)).await.unwrap();
        store.refresh(&token(&session, 2), next(2), at(2)).await.unwrap();
        let (tenant, account) = (tenant("nagra"), account("1663"));
        if n % 3 == 0 {
            assert!(
                store.end(&tenant, &account, session.id, &session.device, at(3)).await.unwrap()
            );
        } else if n % 5 == 0 {
            change(&store, &name, DeviceState::Disabled).await;
        }
        sessions.push(session);
        if n % 7 != 0 {
            continue;
        }
        let after = open_with(&crashed(&path, usize::try_from(n).unwrap()), 5).await;
        let devices = after.devices(&tenant, &account).await.unwrap();
        assert_eq!(devices.len(), sessions.len());
        for (n, session) in sessions.iter().enumerate() {
            let found = after.session(&tenant, &account, session.id, at(3)).await.unwrap();
            assert_eq!(found.map(|found| found.generation), (n % 3 != 0).then_some(3), "{n}");
            let refreshed = after.refresh(&token(session, 3), next(4), at(4)).await;
            match (n % 3, n % 5) {
                (0, _) => assert_eq!(refreshed, Err(RefreshError::Gone), "{n}"),
                (_, 0) => assert_eq!(refreshed, Err(RefreshError::DeviceDisabled), "{n}"),
                _ => assert!(refreshed.is_ok(), "{n}: {refreshed:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_store_that_nobody_writes_to_empties_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = open_with(&path, 65_536).await;
    let mut sessions = Vec::new();
    for n in 0..100 {
        sessions.push(store.begin(sign_on(n, &format!("d{n}")), at(0)).await.unwrap().session);
        store
            .refresh(&token(&sessions[0], u32::try_from(n).unwrap() + 1), next(0), at(0))
            .await
            .unwrap();
    }
    assert!(logged(&path) > 100);
    until_merged(&path).await;
    let (tenant, account) = (tenant("nagra"), account("1663"));
    assert_eq!(store.sessions(&tenant, &account, at(1)).await.unwrap().len(), 100);
    assert_eq!(store.devices(&tenant, &account).await.unwrap().len(), 100);
    let found = store.session(&tenant, &account, sessions[0].id, at(1)).await.unwrap().unwrap();
    assert_eq!(found.generation, 101);
    // And goes on; what leaves nothing to remember is no exception.
    let last = store.begin(sign_on(100, "last"), at(1)).await.unwrap().session;
    assert!(store.end(&tenant, &account, last.id, &last.device, at(1)).await.unwrap());
    assert_eq!(logged(&path), 2);
    until_merged(&path).await;
}

#[tokio::test]
async fn the_log_is_bounded_however_little_there_is_to_remember() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = open_with(&path, 8).await;
    let session = store.begin(sign_on(0, "d0"), at(0)).await.unwrap().session;
    for n in 1..200_u32 {
        // One session, again and again; and one that is gone at once.
        store.refresh(&token(&session, n), next(0), at(0)).await.unwrap();
        let name = format!("d{n}");
        let short = store.begin(sign_on(u64::from(n), &name), at(0)).await.unwrap().session;
        assert!(
            store
                .end(&short.tenant, &account("1663"), short.id, &short.device, at(0))
                .await
                .unwrap()
        );
        assert!(logged(&path) < 64, "{} rows after {n}", logged(&path));
    }
}

/// Or each sign-on within a limit would look at all that were evicted, while everybody's writes wait.
#[tokio::test]
async fn an_account_does_not_keep_what_it_evicted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = open_with(&path, 1).await;
    let limit = SessionLimit { max: NonZeroU32::MIN, when_full: WhenFull::EvictOldest };
    let first = store.begin(sign_on(0, "a"), at(0)).await.unwrap().session;
    for number in 1..=30 {
        let new = NewSession { limit: Some(limit), ..sign_on_again(number, "a") };
        store.begin(new, at(0)).await.unwrap();
    }
    until_merged(&path).await;
    let db = Connection::open(&path).unwrap();
    let held = "SELECT count(*) FROM accounts WHERE device = ''";
    let held: i64 = db.query_row(held, (), |row| row.get(0)).unwrap();
    assert!(held <= 1, "{held}");
    let told = store.refresh(&token(&first, 1), next(0), at(0)).await;
    assert_eq!(told, Err(RefreshError::Evicted));
    change(&store, "a", DeviceState::Disabled).await;
    let told = store.refresh(&token(&first, 1), next(0), at(0)).await;
    assert_eq!(told, Err(RefreshError::DeviceDisabled));
}

/// Each adds two entries and more bytes than a write's share of the log: while one part is written, and removed, the
/// next must not become longer than it was.
#[tokio::test]
async fn sign_ons_without_a_pause_leave_no_more_than_is_merged_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = open_with(&path, 256).await;
    let db = Connection::open(&path).unwrap();
    let mut number = 0;
    for round in 0..60 {
        let begun = race((0..50).map(|_| {
            number += 1;
            let mut new = sign_on(number, &format!("d{number}"));
            if let DeviceRequest::Register { device, .. } = &mut new.device {
                device.information = format!("{{\"screen\":\"{}\"}}", "x".repeat(800));
            }
            let store = Arc::clone(&store);
            async move { store.begin(new, at(0)).await.map(drop) }
        }))
        .await;
        assert!(begun.iter().all(Result::is_ok));
        let logged: i64 = db
            .query_row("SELECT coalesce(sum(octet_length(batch)), 0) FROM changes", (), |r| {
                r.get(0)
            })
            .unwrap();
        // About 1,100 bytes a sign-on, of which 128 are a part.
        assert!(logged < 1_100 * (3 * 128 + 100), "{logged} bytes after round {round}");
    }
}

#[tokio::test]
async fn a_taken_device_id_is_seen_wherever_the_device_is_by_now() {
    for memtable in [2, 9, 50, 65_536] {
        let dir = tempfile::tempdir().unwrap();
        let store = open_with(&dir.path().join("store.db"), memtable).await;
        let mut number = 0;
        let mut begin = async |n: u64| {
            number += 1;
            store.begin(sign_on(number, &format!("d{n}")), at(0)).await.map(drop)
        };
        // More than are remembered.
        for n in 0..80 {
            begin(n).await.unwrap();
            for taken in [0, n / 3, n / 2, n.saturating_sub(1), n] {
                assert_eq!(begin(taken).await, Err(BeginError::Conflict), "{memtable} {n} {taken}");
            }
        }
        change(&store, "d40", DeviceState::Deleted).await;
        assert_eq!(begin(40).await, Err(BeginError::Conflict));
        begin(80).await.unwrap();
    }
}

#[tokio::test]
async fn a_device_id_is_taken_though_another_server_has_merged_the_device() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let (store, other) = (open_with(&path, 65_536).await, open_with(&path, 1).await);
    store.begin(sign_on(1, "a"), at(0)).await.unwrap();
    other.begin(sign_on(2, "b"), at(0)).await.unwrap();
    // Each write goes on with the merging, until the log is empty.
    let mut number = 3;
    while logged(&path) > 0 {
        let again = sign_on_again(number, "none");
        assert_eq!(other.begin(again, at(0)).await, Err(BeginError::DeviceUnknown));
        number += 1;
        assert!(number < 1000, "the log does not end");
    }
    for (taken, name) in [(1001, "a"), (1002, "b")] {
        let begun = store.begin(sign_on(taken, name), at(0)).await;
        assert_eq!(begun, Err(BeginError::Conflict), "{name}");
    }
    store.begin(sign_on(1003, "c"), at(0)).await.unwrap();
}

#[tokio::test]
async fn a_session_that_is_begun_in_an_expired_ones_place_is_new() {
    for memtable in [1, 2, 65_536] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let store = open_with(&path, memtable).await;
        let session = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
        store.refresh(&token(&session, 1), next(0), at(0)).await.unwrap();
        let again = store
            .begin(NewSession { expires_at: at(3 * IDLE), ..sign_on(1, "b") }, at(IDLE + 1))
            .await
            .unwrap()
            .session;
        for store in [store, open_with(&crashed(&path, memtable), memtable).await] {
            let (tenant, account) = (tenant("nagra"), account("1663"));
            let found = store.session(&tenant, &account, again.id, at(IDLE + 2)).await.unwrap();
            assert_eq!(found.as_ref(), Some(&again), "{memtable}");
            let alive = store.sessions(&tenant, &account, at(IDLE + 2)).await.unwrap();
            assert_eq!(alive, std::slice::from_ref(&again), "{memtable}");
        }
    }
}

#[tokio::test]
async fn a_command_beside_the_server_leaves_the_servers_log_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let server = open_with(&path, 65_536).await;
    let mut sessions = Vec::new();
    for n in 0..20 {
        sessions.push(server.begin(sign_on(n, &format!("d{n}")), at(0)).await.unwrap().session);
    }
    let rows = logged(&path);
    let mut problems = Problems::default();
    let table = json!({"kind": "sqlite", "path": path, "memtable": 1});
    let settings = settings::parse(table, "store", &mut problems).unwrap();
    let command = settings.open_beside().await.unwrap();
    for session in &sessions {
        let ended = command
            .end(&session.tenant, &account("1663"), session.id, &session.device, at(0))
            .await;
        assert_eq!(ended, Ok(true));
    }
    assert!(logged(&path) > rows);
    assert_eq!(server.sessions(&tenant("nagra"), &account("1663"), at(0)).await, Ok(Vec::new()));
}

#[tokio::test]
async fn another_process_changes_what_is_not_in_the_trees_yet() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    for memtable in [1, 65_536] {
        let server = open_with(&path, memtable).await;
        // Open before anything happens, so that it has to learn of it.
        let operator = open_with(&path, 65_536).await;
        let name = |which: &str| format!("{which}{memtable}");
        let number = u64::try_from(memtable).unwrap() * 16;
        let ended = server.begin(sign_on(number, &name("ended")), at(0)).await.unwrap().session;
        let disabled =
            server.begin(sign_on(number + 1, &name("disabled")), at(0)).await.unwrap().session;
        let kept = server.begin(sign_on(number + 2, &name("kept")), at(0)).await.unwrap().session;
        for session in [&ended, &disabled, &kept] {
            server.refresh(&token(session, 1), next(IDLE - 1), at(IDLE - 1)).await.unwrap();
        }

        let (tenant, account) = (tenant("nagra"), account("1663"));
        // What the trees say has expired; what the log says has not.
        assert_eq!(operator.sweep(100, at(IDLE + 1)).await, Ok(0));
        assert_eq!(
            operator.end(&tenant, &account, ended.id, &ended.device, at(IDLE)).await,
            Ok(true)
        );
        change(&operator, &name("disabled"), DeviceState::Disabled).await;

        let refresh =
            async |session| server.refresh(&token(session, 2), next(IDLE), at(IDLE)).await;
        assert_eq!(refresh(&ended).await, Err(RefreshError::Gone));
        assert_eq!(refresh(&disabled).await, Err(RefreshError::DeviceDisabled));
        assert!(refresh(&kept).await.is_ok());
        let again = server.begin(sign_on_again(number + 3, &name("disabled")), at(IDLE)).await;
        assert_eq!(again, Err(BeginError::DeviceDisabled));
        let alive = server.sessions(&tenant, &account, at(IDLE)).await.unwrap();
        let alive: Vec<_> = alive.iter().map(|session| session.id).collect();
        assert_eq!(alive, [disabled.id, kept.id]);

        // The same when everything is in the trees, and to somebody who begins with them.
        drop((server, operator));
        let later = open_with(&path, 1).await;
        assert_eq!(later.end_all(&tenant, &account, at(IDLE)).await, Ok(2));
        assert_eq!(later.sessions(&tenant, &account, at(IDLE)).await, Ok(Vec::new()));
        assert_eq!(
            later.devices(&tenant, &account).await.unwrap().len(),
            if memtable == 1 { 3 } else { 6 }
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_while_changes_are_merged_misses_none() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_with(&dir.path().join("store.db"), 3).await;
    let (tenant, account) = (tenant("nagra"), account("1663"));
    let session = store.begin(sign_on(0, "d0"), at(0)).await.unwrap().session;
    let reader = {
        let (store, tenant, account, id) =
            (Arc::clone(&store), tenant.clone(), account.clone(), session.id);
        tokio::spawn(async move {
            let (mut generation, mut devices) = (0, 0);
            while generation < 400 {
                let found = store.session(&tenant, &account, id, at(0)).await.unwrap().unwrap();
                assert!(found.generation >= generation, "{} after {generation}", found.generation);
                generation = found.generation;
                let listed = store.devices(&tenant, &account).await.unwrap().len();
                assert!(listed >= devices, "{listed} devices after {devices}");
                devices = listed;
                let alive = store.sessions(&tenant, &account, at(0)).await.unwrap().len();
                assert!(alive >= listed, "{alive} sessions after {listed} devices");
                tokio::task::yield_now().await;
            }
        })
    };
    for n in 1..400_u32 {
        store.refresh(&token(&session, n), next(0), at(0)).await.unwrap();
        let other = format!("d{n}");
        store.begin(sign_on(u64::from(n), &other), at(0)).await.unwrap();
        if n % 10 == 0 {
            change(&store, &other, DeviceState::Disabled).await;
        }
    }
    reader.await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_merged_fails_no_call() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = open_with(&path, 1).await;
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON accounts
             BEGIN SELECT raise(ABORT, 'refused'); END",
        )
        .unwrap();
    let (tenant, account) = (tenant("nagra"), account("1663"));
    for n in 0..5 {
        let session = store.begin(sign_on(n, &format!("d{n}")), at(0)).await.unwrap().session;
        assert!(store.refresh(&token(&session, 1), next(0), at(0)).await.is_ok());
    }
    assert_eq!(store.sessions(&tenant, &account, at(0)).await.unwrap().len(), 5);
    drop(store);
    other.execute_batch("DROP TRIGGER refuse").unwrap();
    let store = open_with(&path, 1).await;
    assert_eq!(store.devices(&tenant, &account).await.unwrap().len(), 5);
    assert_eq!(store.end_all(&tenant, &account, at(0)).await, Ok(5));
}

#[tokio::test]
async fn a_forgotten_device_does_not_come_back_from_another_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let server = open_with(&path, 1).await;
    // Each write merges a little.
    let merge = async || {
        for _ in 0..100 {
            if logged(&path) == 0 {
                return;
            }
            server.check().await.unwrap();
        }
        panic!("{} rows are left", logged(&path));
    };
    let expires_at = at(10);
    let short = NewSession { expires_at, ..sign_on(0, "d000") };
    server.begin(short, at(0)).await.unwrap();
    // It remembers how the device was registered, and merges nothing before it ends.
    let operator = open_with(&path, 65_536).await;
    merge().await;
    change(&server, "d000", DeviceState::Deleted).await;
    for n in 1..=101 {
        let name = format!("d{n:03}");
        let mut new = sign_on(n, &name);
        if let DeviceRequest::Register { device, .. } = &mut new.device {
            device.registered_at = at(i64::try_from(n).unwrap());
        }
        server.begin(new, at(0)).await.unwrap();
        merge().await;
        change(&server, &name, DeviceState::Deleted).await;
    }
    let known = async || {
        let devices = server.devices(&tenant("nagra"), &account("1663")).await.unwrap();
        devices.iter().any(|device| device.id.as_str() == "d000")
    };
    assert!(!known().await);
    // Deletes a session of the account, with what it remembers of it.
    assert!(operator.sweep(1, at(10)).await.unwrap() > 0);
    assert!(!known().await);
}
