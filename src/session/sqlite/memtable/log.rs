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
    /// Rows since the last flush began.
    rows: usize,
}

impl Log {
    /// Its row `seq` is committed.
    pub(super) fn committed(&mut self, seq: i64) {
        self.last = seq;
        self.rows += 1;
    }

    /// How many rows there are since the last flush began.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// SQLite's count of other connections' commits, as of the last transaction.
    pub(super) fn others(&self) -> i64 {
        self.data_version
    }

    /// A flush begins. Answers the last row, up to which it will remove them.
    pub(super) fn flushed(&mut self) -> i64 {
        self.rows = 0;
        self.last
    }

    /// Reads what others have appended since, inside a transaction that writes. Of what they have removed again meanwhile
    /// it learns nothing: then `forget` is called first. All that is remembered came before that, and so is in
    /// the trees as well, and may be gone from there.
    pub(super) fn catch_up(
        &mut self,
        db: &Connection,
        add: impl FnMut(Layer),
        forget: impl FnOnce(),
    ) -> rusqlite::Result<()> {
        let version = db.prepare_cached("PRAGMA data_version")?.query_row((), |r| r.get(0))?;
        if version != self.data_version {
            let before = self.before(db)?;
            if before > self.last {
                forget();
                (self.last, self.rows) = (before, 0);
            }
            self.read_on(db, add)?;
            self.data_version = version;
        }
        Ok(())
    }

    /// The number of the row before the first one that is there and was not read; if there is none, of the last that ever was.
    fn before(&self, db: &Connection) -> rusqlite::Result<i64> {
        let mut before = db.prepare_cached(
            "SELECT coalesce((SELECT min(seq) - 1 FROM changes WHERE seq > ?1),
                             (SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0)",
        )?;
        before.query_row((self.last,), |r| r.get(0))
    }

    /// Reads the rows behind the last one.
    pub(super) fn read_on(
        &mut self,
        db: &Connection,
        mut add: impl FnMut(Layer),
    ) -> rusqlite::Result<()> {
        let mut behind =
            db.prepare_cached("SELECT seq, batch FROM changes WHERE seq > ?1 ORDER BY seq")?;
        let mut rows = behind.query((self.last,))?;
        while let Some(row) = rows.next()? {
            let changes: Vec<Change> = row::json(row, 1)?;
            let mut layer = Layer::default();
            changes.into_iter().for_each(|change| layer.add(change));
            add(layer);
            self.last = row.get(0)?;
            self.rows += 1;
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

    /// In bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Appends them, if there are any. Answers the row's number.
    pub(super) fn append(mut self, db: &Connection) -> rusqlite::Result<Option<i64>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        self.0.push(']');
        db.prepare_cached("INSERT INTO changes (batch) VALUES (?1)")?.insert((self.0,)).map(Some)
    }
}

/// Removes the oldest rows up to `last`, whose changes are in the trees: one, and more while they are at most
/// so many bytes together. Answers whether none is left.
pub(super) fn trim(db: &Connection, last: i64, bytes: i64) -> rusqlite::Result<bool> {
    let mut oldest = db.prepare_cached(
        "SELECT seq, octet_length(batch) FROM changes WHERE seq <= ?1 ORDER BY seq",
    )?;
    let (mut until, mut sum) = (None, 0);
    let mut rows = oldest.query((last,))?;
    let none_left = loop {
        let Some(row) = rows.next()? else { break true };
        sum += row.get::<_, i64>(1)?;
        if until.is_some() && sum > bytes {
            break false;
        }
        until = Some(row.get::<_, i64>(0)?);
    };
    drop(rows);
    if let Some(until) = until {
        db.prepare_cached("DELETE FROM changes WHERE seq <= ?1")?.execute((until,))?;
    }
    Ok(none_left)
}
