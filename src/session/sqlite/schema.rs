//! The database file: how it is created, opened and brought up to date. Each table is one tree, in the
//! order of its primary key, so that a write touches one page of it; `changes` is a log.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

/// Says in the file's header that it is ours ("Cmbo").
const APPLICATION_ID: i32 = 0x436d_626f;

/// Bytes a page. A sign-on changes a random page of `tickets`, and each changed page goes through the log whole: small pages mean less to write and to sync. A
/// row of up to about 480 bytes fits without an overflow page, which most do.
const PAGE_SIZE: u32 = 2048;

/// The write-ahead log keeps its space up to here when it starts again, in bytes, so that a
/// commit need not make the file longer.
const KEPT_LOG: u32 = 32 * 1024 * 1024;

/// How long a write waits for another process that has the file open.
const BUSY: Duration = Duration::from_secs(5);

/// One step each; `user_version` counts those a file has been through.
const MIGRATIONS: &[&str] = &[
    "
    -- Ordered by end: sessions begin at one end of the tree and expire at the other.
    -- expires_at is never after ends_at.
    CREATE TABLE sessions (
        ends_at INTEGER NOT NULL,
        number INTEGER NOT NULL,
        tenant TEXT NOT NULL,
        service TEXT NOT NULL,
        device TEXT NOT NULL,
        device_class TEXT,
        generation INTEGER NOT NULL,
        issued_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        facts TEXT NOT NULL,
        PRIMARY KEY (ends_at, number, tenant)
    ) STRICT, WITHOUT ROWID;

    -- Ids are random; that they are unique within the tenant follows from that, the key
    -- holds it within the account.
    CREATE TABLE devices (
        tenant TEXT NOT NULL,
        account TEXT NOT NULL,
        id TEXT NOT NULL,
        class TEXT,
        information TEXT NOT NULL,
        state INTEGER NOT NULL, -- 0 active, 1 disabled, 2 deleted
        registered_at INTEGER NOT NULL,
        PRIMARY KEY (tenant, account, id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE tickets (
        digest BLOB NOT NULL PRIMARY KEY,
        tenant TEXT NOT NULL,
        service TEXT NOT NULL,
        account TEXT NOT NULL,
        expires_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE keys (
        name TEXT NOT NULL PRIMARY KEY,
        version INTEGER NOT NULL,
        bytes BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
",
    "
    ALTER TABLE sessions ADD COLUMN account TEXT NOT NULL DEFAULT '';
    ALTER TABLE sessions ADD COLUMN upstream BLOB;
    ALTER TABLE sessions ADD COLUMN begun_at INTEGER NOT NULL DEFAULT 0;
    -- Evicted, or its device is deleted: kept for what its client is to be told.
    ALTER TABLE sessions ADD COLUMN evicted INTEGER NOT NULL DEFAULT 0;
    UPDATE sessions SET account = facts ->> '$.a.id', begun_at = facts ->> '$.t';
    -- No refresh changes it.
    CREATE INDEX sessions_of_account ON sessions (tenant, account);
    ALTER TABLE devices ADD COLUMN name TEXT;
    ALTER TABLE tickets ADD COLUMN sign_on TEXT;
",
    "
    -- The device's, so that a refresh reads one row: with millions of sessions each row is a
    -- page that is not in memory.
    ALTER TABLE sessions ADD COLUMN device_state INTEGER NOT NULL DEFAULT 0;
    UPDATE sessions SET device_state = d.state FROM devices d
    WHERE d.state <> 0 AND sessions.tenant = d.tenant AND sessions.account = d.account
          AND sessions.device = d.id;
",
    "
    -- What an account has: its devices, with no session's name, and then its sessions, with no device's. Rows of
    -- both are written later than the sessions themselves: until then they are in the log.
    CREATE TABLE accounts (
        tenant TEXT NOT NULL,
        account TEXT NOT NULL,
        ends_at INTEGER NOT NULL, -- 0, or the session's
        number INTEGER NOT NULL,
        device TEXT NOT NULL, -- its id, or nothing
        class TEXT,
        information TEXT,
        state INTEGER, -- 0 active, 1 disabled, 2 deleted
        registered_at INTEGER,
        name TEXT,
        PRIMARY KEY (tenant, account, ends_at, number, device)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO accounts
        SELECT tenant, account, 0, 0, id, class, information, state, registered_at, name
        FROM devices
        UNION ALL
        SELECT tenant, account, ends_at, number, '', NULL, NULL, NULL, NULL, NULL FROM sessions
        ORDER BY 1, 2, 3, 4, 5;
    DROP TABLE devices;

    -- Rows have numbers that follow from their names (`place.rs`).
    ALTER TABLE sessions RENAME TO named;
    DROP INDEX sessions_of_account;
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY,
        ends_at INTEGER NOT NULL,
        number INTEGER NOT NULL,
        tenant TEXT NOT NULL,
        account TEXT NOT NULL,
        service TEXT NOT NULL,
        device TEXT NOT NULL,
        device_class TEXT,
        device_state INTEGER NOT NULL DEFAULT 0,
        upstream BLOB,
        begun_at INTEGER NOT NULL,
        generation INTEGER NOT NULL,
        issued_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL, -- never after ends_at
        evicted INTEGER NOT NULL DEFAULT 0, -- or its device is deleted
        facts TEXT NOT NULL
    ) STRICT;
    INSERT INTO sessions (id, ends_at, number, tenant, account, service, device, device_class,
            device_state, upstream, begun_at, generation, issued_at, expires_at, evicted, facts)
        -- Each at its place, or right behind the one before.
        SELECT n + max(place - n) OVER (ORDER BY n ROWS UNBOUNDED PRECEDING),
            ends_at, number, tenant, account, service, device, device_class,
            device_state, upstream, begun_at, generation, issued_at, expires_at, evicted, facts
        FROM (SELECT row_number() OVER (ORDER BY place, number, tenant) AS n, *
              FROM (SELECT (max(0, min(ends_at, 4294967295)) << 31) | (number >> 12) AS place, *
                    FROM named))
        ORDER BY 1;
    DROP TABLE named;

    -- The log of what is not in the trees yet: a row for each commit, the JSON array of its changes.
    CREATE TABLE changes (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        entries TEXT NOT NULL
    ) STRICT;
",
    "
    -- When the sweep is to look at a session (`sweep.rs`). A session has a row here for as long as it is there.
    CREATE TABLE due (
        at INTEGER NOT NULL, -- not after expires_at, unless a refresh has brought that forward
        id INTEGER NOT NULL,
        PRIMARY KEY (at, id)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO due SELECT expires_at, id FROM sessions ORDER BY 1, 2;
    -- Whoever begins one: a process of the schema before may have the file open.
    CREATE TRIGGER sessions_begun AFTER INSERT ON sessions BEGIN
        INSERT OR IGNORE INTO due (at, id) VALUES (new.expires_at, new.id);
    END;
",
    "
    -- What refreshes change, many sessions a page (`refreshed.rs`). The log names rows since then, its old entries
    -- sessions; a process of the schema before can write no more, because it finds no `entries`.
    CREATE TABLE refreshed (
        id INTEGER PRIMARY KEY,
        generation INTEGER NOT NULL,
        issued_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL
    ) STRICT;
    -- Of each session the last entry, unless that says that it was gone: another may have its name since.
    INSERT INTO refreshed
        SELECT s.id, old.generation, old.issued_at, old.expires_at
        FROM (SELECT (max(0, min(name ->> '$[0].ends_at', 4294967295)) << 31)
                     | ((name ->> '$[0].number') >> 12) AS place,
                     name ->> '$[0].ends_at' AS ends_at, name ->> '$[0].number' AS number,
                     name ->> '$[1]' AS tenant, entry ->> '$.r[1][0]' AS generation,
                     entry ->> '$.r[1][1]' AS issued_at, entry ->> '$.r[1][2]' AS expires_at
              FROM (SELECT name, entry, max(at)
                    FROM (SELECT coalesce(value -> '$.r[0]', value -> '$.f') AS name,
                                 value AS entry, seq << 20 | key AS at
                          FROM changes, json_each(entries))
                    WHERE name IS NOT NULL GROUP BY name)) AS old
        -- Only the row numbers are to be searched for.
        CROSS JOIN sessions AS s
        WHERE s.id >= place AND s.id < place + 4096 AND +s.ends_at = old.ends_at
              AND +s.number = old.number AND +s.tenant = old.tenant
              AND old.generation IS NOT NULL
        ORDER BY s.id;
    ALTER TABLE changes RENAME TO named;
    CREATE TABLE changes (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        batch TEXT NOT NULL
    ) STRICT;
    INSERT INTO changes
        SELECT seq, (SELECT json_group_array(json(value)) FROM json_each(entries)
                     WHERE value -> 'r' IS NULL AND value -> 'f' IS NULL)
        FROM named ORDER BY seq;
    DROP TABLE named;
",
];

/// Creates the file, readable and writable by its owner only, if it is missing. SQLite
/// gives its companion files (`-wal`, `-shm`) the same mode.
pub(super) fn create_file(path: &Path) -> Result<(), String> {
    let parent = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    if let Some(dir) = parent.filter(|dir| !dir.is_dir()) {
        return Err(format!("directory {} does not exist", dir.display()));
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e.to_string()),
        _ => Ok(()),
    }
}

/// Opens the connection that writes: write-ahead log, every commit synced before it
/// returns, checkpoints left to the caller.
pub(super) fn open_writer(path: &Path, cache_size: u64) -> Result<Connection, String> {
    let mut db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, cache_size, BUSY)
        .map_err(|e| e.to_string())?;
    refuse_foreign(&db)?;
    set_up(&db).map_err(|e| e.to_string())?;
    migrate(&mut db).map_err(|e| format!("schema: {e}"))?;
    Ok(db)
}

/// How many steps there are.
pub(super) fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// How many steps the file has been through; 0 when it does not exist or is empty.
pub(super) fn version(path: &Path) -> Result<u32, String> {
    if !path.exists() {
        return Ok(0);
    }
    let db = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, 64 * 1024, BUSY)
        .map_err(|e| e.to_string())?;
    refuse_foreign(&db)?;
    db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(|e| e.to_string())
}

/// Opens a connection that only copies the log back; it caches next to nothing.
pub(super) fn open_checkpointer(path: &Path) -> rusqlite::Result<Connection> {
    let db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, 64 * 1024, BUSY)?;
    db.pragma_update(None, "synchronous", "full")?;
    Ok(db)
}

/// Opens a connection with the settings that are common to writing and reading.
/// `cache_size` is in bytes.
pub(super) fn connect(
    path: &Path,
    mode: OpenFlags,
    cache_size: u64,
    busy: Duration,
) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(busy)?;
    db.set_prepared_statement_cache_capacity(64);
    // Plans do not depend on bound values; without this, binding a LIMIT prepares again.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    let kib = i64::try_from(cache_size / 1024).unwrap_or(i64::MAX);
    db.pragma_update(None, "cache_size", -kib)?;
    db.pragma_update(None, "temp_store", "memory")?;
    Ok(db)
}

/// Refuses a file that is not a store or is one of a newer version.
fn refuse_foreign(db: &Connection) -> Result<(), String> {
    let read = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let found = read("user_version").and_then(|version| {
        let tables =
            db.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get::<_, i64>(0))?;
        Ok((version, read("application_id")?, tables))
    });
    let known = i64::from(known());
    match found.map_err(|e| e.to_string())? {
        (0, 0, 0) => Ok(()),
        (_, id, _) if id != i64::from(APPLICATION_ID) => {
            Err("it is a database, but not a session store".to_owned())
        }
        (version, ..) if version > known => Err(format!(
            "it was made by a newer version of cambio: schema {version}, this one knows {known}"
        )),
        _ => Ok(()),
    }
}

fn set_up(db: &Connection) -> rusqlite::Result<()> {
    // Of effect while the file is empty only, and before the journal mode is set.
    db.pragma_update(None, "page_size", PAGE_SIZE)?;
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(rusqlite::Error::InvalidParameterName(format!("journal mode is {mode}")));
    }
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    db.pragma_update_and_check(None, "journal_size_limit", KEPT_LOG, |_| Ok(()))
}

/// A step must not take `accounts` and what refreshes change in `sessions` for complete: `changes` may have more.
fn migrate(db: &mut Connection) -> rusqlite::Result<()> {
    // What is sorted may be larger than the memory.
    db.pragma_update(None, "temp_store", "file")?;
    let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: u32 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version < known() {
        for step in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(usize::MAX)) {
            tx.execute_batch(step)?;
        }
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", known())?;
    }
    tx.commit()?;
    db.pragma_update(None, "temp_store", "memory")
}
