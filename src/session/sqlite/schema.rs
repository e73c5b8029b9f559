//! The database file: how it is created, opened and brought up to date. Each table is one tree, in the
//! order of its primary key, so that a write touches one page of it; `changes` is a log.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::migrations::MIGRATIONS;

/// Says in the file's header that it is ours ("Cmbo").
const APPLICATION_ID: i32 = 0x436d_626f;

/// Bytes a page. A sign-on changes a random page of `tickets`, and each changed page goes through the log whole: small pages mean less to write and to sync. A
/// row of up to about 480 bytes fits without an overflow page, which most do.
const PAGE_SIZE: u32 = 2048;

/// The write-ahead log keeps its space up to here when it starts again, in bytes, so that a
/// commit need not make the file longer.
const KEPT_LOG: u32 = 48 * 1024 * 1024;

/// How long a write waits for another process that has the file open.
const BUSY: Duration = Duration::from_secs(5);

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

/// A step must not take `accounts` and `refreshed` for complete: `changes` may have more.
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
