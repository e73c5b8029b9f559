//! The `sqlite` backend: the embedded default, one file that survives a crash of the
//! process and of the machine. Opened by `session::settings` only. One thread writes
//! (`writer.rs`, many requests a commit), a few connections read (`readers.rs`); the SQL
//! stands with its noun.

mod accounts;
mod begin;
mod checkpoint;
mod devices;
mod keys;
mod memtable;
mod migrations;
mod page;
mod place;
mod readers;
mod reading;
mod recent;
mod refresh;
mod refreshed;
mod row;
mod schema;
mod sessions;
pub(super) mod settings;
mod sweep;
mod tickets;
mod writer;

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use self::settings::SqliteSettings;
use super::settings::Schema;
use super::{Store, StoreError};
use memtable::{Memtable, View};
use readers::Readers;
use reading::Reading;
use writer::Writer;

/// An open database file.
pub(super) struct SqliteStore {
    path: PathBuf,
    // Before the writer, so that they are closed first and the writer's closing
    // checkpoint finds nobody in its way.
    reading: Reading,
    writer: Writer,
    recent: Arc<recent::Recent>,
    /// Where the sweep goes on with the tickets.
    swept: Mutex<Option<sweep::Digest>>,
    // The last one, and never closed before all connections are: closing any descriptor of a file
    // gives up the process' locks on it (fcntl(2)), SQLite's too.
    _file: Arc<File>,
}

impl SqliteStore {
    /// Opens or creates the file, brings its schema up to date and starts the writer.
    ///
    /// # Errors
    /// [`StoreError`] with the file and the reason.
    pub(super) fn open(settings: &SqliteSettings) -> Result<Self, StoreError> {
        let path = &settings.path;
        let fail = |e: String| StoreError(format!("cannot open {}: {e}", path.display()));
        schema::create_file(path).map_err(fail)?;
        let file = File::open(path).map(Arc::new).map_err(|e| fail(e.to_string()))?;
        let size = file.metadata().map_err(|e| fail(e.to_string()))?.len();
        let cache = settings.cache_size(size);
        let writing = schema::open_writer(path, cache / 4 * 3).map_err(fail)?;
        let readers =
            Readers::open(path, settings.readers, cache / 4).map_err(|e| fail(e.to_string()))?;
        let copying = schema::open_checkpointer(path).map_err(|e| fail(e.to_string()))?;
        let memtable = Arc::<Memtable>::default();
        let shared = (Arc::clone(&file), Arc::clone(&memtable));
        let writer = Writer::start(writing, copying, shared, settings).map_err(|e| fail(e.0))?;
        Ok(Self {
            path: path.clone(),
            reading: Reading::new(readers, memtable),
            writer,
            recent: Arc::default(),
            swept: Mutex::default(),
            _file: file,
        })
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&View<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.reading.read(read)
    }

    /// How far the file's schema is; nothing is created.
    ///
    /// # Errors
    /// [`StoreError`] with the file and the reason.
    pub(super) fn schema(settings: &SqliteSettings) -> Result<Schema, StoreError> {
        let path = &settings.path;
        let found = schema::version(path)
            .map_err(|e| StoreError(format!("cannot open {}: {e}", path.display())))?;
        Ok(Schema { found, known: schema::known() })
    }

    /// Brings the file's schema up to date, creating the file if it is missing.
    ///
    /// # Errors
    /// [`StoreError`] with the file and the reason.
    pub(super) fn migrate(settings: &SqliteSettings) -> Result<(), StoreError> {
        let path = &settings.path;
        let migrated = schema::create_file(path)
            .and_then(|()| schema::open_writer(path, settings.cache_size(0)).map(drop));
        migrated.map_err(|e| StoreError(format!("cannot open {}: {e}", path.display())))
    }
}

impl Store for SqliteStore {
    fn kind(&self) -> &'static str {
        "sqlite"
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}
