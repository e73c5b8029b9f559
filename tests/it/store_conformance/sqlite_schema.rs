//! Files that older versions of Cambio made.

use std::path::{Path, PathBuf};

use cambio::session::{BeginError, Device, DeviceState, NewSession, RefreshError, SessionId};
use rusqlite::Connection;
use serde_json::json;

use super::sqlite::open_at;
use super::sqlite_merge::until_merged;
use super::*;

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

/// A file of the first schema, with these sessions of account 1663 and their devices.
async fn first_schema(dir: &Path, sessions: &[(u64, &str, DeviceState)]) -> PathBuf {
    // What a session is stored as, taken from a store of today.
    let today_path = dir.join("today.db");
    let today = open_at(&today_path).await.unwrap();
    for (number, device, _) in sessions {
        today.begin(sign_on(*number, device), at(0)).await.unwrap();
    }
    today.put_ticket(digest(1), ticket()).await.unwrap();
    drop(today);

    let path = dir.join("store.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(FIRST_SCHEMA).unwrap();
    old.execute("ATTACH ?1 AS today", (today_path.to_str().unwrap(),)).unwrap();
    old.execute_batch(
        "INSERT INTO sessions SELECT ends_at, number, tenant, service, device, device_class,
             generation, issued_at, expires_at, facts FROM today.sessions;
         INSERT INTO tickets SELECT digest, tenant, service, account, expires_at
             FROM today.tickets;",
    )
    .unwrap();
    for (_, name, state) in sessions {
        let Device { class, information, registered_at, .. } = device(name);
        let row = (
            name,
            class,
            information,
            u8::from(*state != DeviceState::Active),
            registered_at.secs(),
        );
        old.execute("INSERT INTO devices VALUES ('nagra', '1663', ?1, ?2, ?3, ?4, ?5)", row)
            .unwrap();
    }
    path
}

/// Undoes the sixth step: makes of a file of today one of the fifth schema, with its log.
const FIFTH_SCHEMA: &str = "
    CREATE TABLE named (seq INTEGER PRIMARY KEY AUTOINCREMENT, entries TEXT NOT NULL) STRICT;
    INSERT INTO named
        SELECT seq, (
            SELECT json_group_array(CASE
                WHEN value -> '$.r' IS NOT NULL THEN json_object('r', json_array(
                    json_array(json_object('ends_at', s.ends_at, 'number', s.number), s.tenant),
                    value -> '$.r[1]'))
                WHEN value -> '$.f' IS NOT NULL THEN json_object('f', json_array(
                    json_object('ends_at', 7, 'number', 7), 'nagra'))
                ELSE json(value) END)
            FROM json_each(batch) LEFT JOIN sessions AS s ON s.id = value ->> '$.r[0]')
        FROM changes;
    DROP TABLE changes;
    DROP TABLE refreshed;
    ALTER TABLE named RENAME TO changes;
    PRAGMA user_version = 5;
";

#[tokio::test]
async fn a_store_of_the_first_schema_is_brought_up_to_date_with_everything_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = first_schema(dir.path(), &[(1, "a", DeviceState::Active)]).await;
    let store = open_at(&path).await.unwrap();
    let (tenant, account) = (tenant("nagra"), account("1663"));
    let found = store.sessions(&tenant, &account, at(1)).await.unwrap();
    assert_eq!(found.iter().map(|session| session.id.number).collect::<Vec<_>>(), [1]);
    assert_eq!(store.devices(&tenant, &account).await.unwrap(), [device("a")]);
    assert!(store.refresh(&token(&found[0], 1), next(1), at(1)).await.is_ok());
    assert!(store.begin(claiming(sign_on_again(2, "a"), digest(1)), at(1)).await.is_ok());
    assert_eq!(store.end_all(&tenant, &account, at(1)).await, Ok(2));
}

#[tokio::test]
async fn sessions_of_the_first_schema_learn_their_devices_state_and_their_places() {
    use DeviceState::{Active, Disabled};
    let dir = tempfile::tempdir().unwrap();
    // The first three would have one place, and the fourth the next.
    let sessions = [
        (1, "a", Active),
        (2, "b", Disabled),
        (3, "c", Active),
        (4096, "d", Active),
        (1 << 30, "e", Active),
    ];
    let path = first_schema(dir.path(), &sessions).await;
    let store = open_at(&path).await.unwrap();
    for (number, name, state) in sessions {
        let session = store
            .session(&tenant("nagra"), &account("1663"), sign_on(number, name).id, at(1))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(session.device.as_str(), name);
        let refreshed = store.refresh(&token(&session, 1), next(1), at(1)).await;
        match state {
            Active => assert!(refreshed.is_ok(), "{refreshed:?}"),
            _ => assert_eq!(refreshed, Err(RefreshError::DeviceDisabled)),
        }
    }
    // Nor is any of them begun again.
    for (number, _, _) in sessions {
        let again = store.begin(sign_on(number, "new"), at(1)).await;
        assert_eq!(again, Err(BeginError::Conflict));
    }
    // All are swept in time: the ticket, then the disabled one, which could not be refreshed.
    assert_eq!(store.sweep(100, at(IDLE - 1)).await, Ok(1));
    assert_eq!(store.sweep(100, at(IDLE)).await, Ok(1));
    assert_eq!(store.sweep(100, at(IDLE + 1)).await, Ok(4));
}

#[tokio::test]
async fn sessions_of_the_fourth_schema_are_swept_whoever_begins_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = open_at(&path).await.unwrap();
    let refreshed = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    store.begin(sign_on(2, "b"), at(0)).await.unwrap();
    store.refresh(&token(&refreshed, 1), next(1), at(1)).await.unwrap();
    drop(store);
    // The refresh is in the log only.
    let old = Connection::open(&path).unwrap();
    old.execute_batch(FIFTH_SCHEMA).unwrap();
    old.execute_batch("DROP TRIGGER sessions_begun; DROP TABLE due; PRAGMA user_version = 4")
        .unwrap();

    let store = open_at(&path).await.unwrap();
    // As a process of the fourth schema does that still has the file open.
    let begin =
        "INSERT INTO sessions SELECT id + 1, ends_at, number + 4096, tenant, account, service,
            device, device_class, device_state, upstream, begun_at, generation, issued_at,
            expires_at + 5, evicted, facts FROM sessions WHERE number = 2";
    assert_eq!(old.execute(begin, ()).unwrap(), 1);
    let swept = async |now| store.sweep(10, at(now)).await.unwrap();
    assert_eq!([swept(IDLE).await, swept(IDLE + 1).await], [1, 1]);
    assert_eq!([swept(IDLE + 4).await, swept(IDLE + 5).await], [0, 1]);
}

#[tokio::test]
async fn what_the_log_of_the_fifth_schema_says_still_counts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let store = open_at(&path).await.unwrap();
    let (tenant, account) = (tenant("nagra"), account("1663"));
    let mut sessions = Vec::new();
    // The largest number as well.
    for number in [1, 2, SessionId::NUMBER_LIMIT - 1] {
        let new = sign_on(number, &format!("d{number}"));
        let session = store.begin(new, at(0)).await.unwrap().session;
        for n in 1..4 {
            store.refresh(&token(&session, n), next(n.into()), at(n.into())).await.unwrap();
        }
        sessions.push(session);
    }
    let ended = sessions.remove(1);
    assert!(store.end(&tenant, &account, ended.id, &ended.device, at(4)).await.unwrap());
    drop(store);
    let old = Connection::open(&path).unwrap();
    old.execute_batch(FIFTH_SCHEMA).unwrap();
    let text: String = old
        .query_row("SELECT group_concat(entries, '') FROM changes", (), |row| row.get(0))
        .unwrap();
    let last = json!({"r": [[sessions[1].id, "nagra"], [4, at(3), at(3 + IDLE)]]});
    assert!(text.contains(&last.to_string()), "{last} {text}");

    let store = open_at(&path).await.unwrap();
    for session in &sessions {
        let found = store.session(&tenant, &account, session.id, at(4)).await.unwrap().unwrap();
        assert_eq!((found.generation, found.issued_at, found.expires_at), (4, at(3), at(3 + IDLE)));
        assert!(store.refresh(&token(session, 4), next(4), at(4)).await.is_ok());
    }
    assert_eq!(store.refresh(&token(&ended, 4), next(4), at(4)).await, Err(RefreshError::Gone));
    assert_eq!(store.devices(&tenant, &account).await.unwrap().len(), 3);
    // A process of that schema which still has the file open would take what it does not know for reuse.
    let written = old.execute("INSERT INTO changes (entries) VALUES ('[]')", ());
    assert!(written.is_err_and(|e| e.to_string().contains("entries")));
}

/// By chance only; then its second session must not have what was said of its first.
#[tokio::test]
async fn the_log_of_the_fifth_schema_may_know_a_name_twice() {
    for refreshed_again in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let store = open_at(&path).await.unwrap();
        let now = IDLE + 1;
        let new = NewSession { expires_at: at(now + IDLE), ..sign_on(1, "a") };
        let session = store.begin(new, at(now)).await.unwrap().session;
        until_merged(&path).await;
        drop(store);
        let old = Connection::open(&path).unwrap();
        old.execute_batch(FIFTH_SCHEMA).unwrap();
        let name = json!([session.id, "nagra"]);
        let mut log = vec![
            json!([{"r": [name, [2, at(0), at(IDLE)]]}, {"r": [name, [3, at(0), at(IDLE)]]}]),
            json!([{"f": name}]),
        ];
        if refreshed_again {
            log.push(json!([{"r": [name, [2, at(now), at(now + IDLE)]]}]));
        }
        for batch in log {
            let batch = batch.to_string();
            old.execute("INSERT INTO changes (entries) VALUES (?1)", (batch,)).unwrap();
        }
        let store = open_at(&path).await.unwrap();
        let generation = if refreshed_again { 2 } else { 1 };
        let refreshed = store.refresh(&token(&session, generation), next(now), at(now)).await;
        assert!(refreshed.is_ok(), "{refreshed:?}");
    }
}
