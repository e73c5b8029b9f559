//! The log: a row for each commit, with its changes as a JSON array. Each process that has the file
//! open has read it to its end before it writes.

use rusqlite::Connection;

use super::super::row;
use super::Change;
use super::layer::Layer;

#[derive(Default)]
pub(super) struct Log {
    /// The last row that was read or committed.
    last: i64,
    /// SQLite's count of other connections' commits, as of then.
    data_version: i64,
}

impl Log {
    /// The number of the last row.
    pub(super) fn last(&self) -> i64 {
        self.last
    }

    /// Its row `seq` is committed.
    pub(super) fn committed(&mut self, seq: i64) {
        self.last = seq;
    }

    /// Reads what others have appended since, inside a transaction that writes.
    pub(super) fn catch_up(
        &mut self,
        db: &Connection,
        add: impl FnMut(Layer),
    ) -> rusqlite::Result<()> {
        let version = db.prepare_cached("PRAGMA data_version")?.query_row((), |r| r.get(0))?;
        if version != self.data_version {
            self.read_on(db, add)?;
            self.data_version = version;
        }
        Ok(())
    }

    /// Reads the rows behind the last one.
    pub(super) fn read_on(
        &mut self,
        db: &Connection,
        mut add: impl FnMut(Layer),
    ) -> rusqlite::Result<()> {
        let mut behind =
            db.prepare_cached("SELECT seq, entries FROM changes WHERE seq > ?1 ORDER BY seq")?;
        let mut rows = behind.query((self.last,))?;
        while let Some(row) = rows.next()? {
            let changes: Vec<Change> = row::json(row, 1)?;
            let mut layer = Layer::default();
            changes.into_iter().for_each(|change| layer.add(change));
            add(layer);
            self.last = row.get(0)?;
        }
        Ok(())
    }
}

/// A batch's entries, as a row will have them.
#[derive(Default)]
pub(super) struct Entries(String);

impl Entries {
    pub(super) fn push(&mut self, change: &Change) -> rusqlite::Result<()> {
        self.0.push(if self.0.is_empty() { '[' } else { ',' });
        self.0.push_str(&row::json_text(change)?);
        Ok(())
    }

    /// Appends them, if there are any. Answers the row's number.
    pub(super) fn append(mut self, db: &Connection) -> rusqlite::Result<Option<i64>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        self.0.push(']');
        db.prepare_cached("INSERT INTO changes (entries) VALUES (?1)")?.insert((self.0,)).map(Some)
    }
}

/// Removes rows whose changes are in the trees: at most `most` of those up to `last`. Answers whether
/// none is left.
pub(super) fn trim(db: &Connection, last: i64, most: u32) -> rusqlite::Result<bool> {
    let mut trim = db.prepare_cached(
        "DELETE FROM changes
         WHERE seq IN (SELECT seq FROM changes WHERE seq <= ?1 ORDER BY seq LIMIT ?2)",
    )?;
    Ok(trim.execute((last, most))? < usize::try_from(most).unwrap_or(usize::MAX))
}
