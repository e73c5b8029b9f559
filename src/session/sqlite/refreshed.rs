//! What refreshes change of sessions, in a tree of its own, by the number of the session's row: a page of it has dozens
//! of sessions, and one of `sessions` has seven. Of what a session's row says, its row here and what is
//! remembered (`memtable/`), the highest generation counts. Whoever deletes the one row deletes the other.

use rusqlite::{Connection, OptionalExtension, Row};

use super::memtable::{Generation, Tx, View};
use super::place::SessionRow;
use super::row;

/// A session's newest generation. Of `r` three columns from `own` on are of its row, and three from `here` on of its row here,
/// or null.
pub(super) fn newest(
    (view, row): (&View<'_>, SessionRow),
    r: &Row<'_>,
    (own, here): (usize, usize),
) -> rusqlite::Result<Generation> {
    let own = read(r, own, r.get(own)?)?;
    let here = r.get::<_, Option<_>>(here)?.map(|number| read(r, here, number)).transpose()?;
    Ok(own.or_newer(here).or_newer(view.generation(row)))
}

/// The same to a write, of whose `r` three columns from `own` on are of the session's row. It has read all of the log, so
/// what is remembered of the session is newer than its row here, which is not read then.
pub(super) fn newest_in(
    (tx, row): (&Tx<'_>, SessionRow),
    r: &Row<'_>,
    own: usize,
) -> rusqlite::Result<Generation> {
    let own = read(r, own, r.get(own)?)?;
    let newer = match tx.generation(row) {
        Some(remembered) => Some(remembered),
        None => find(tx.db, row)?,
    };
    Ok(own.or_newer(newer))
}

fn find(db: &Connection, SessionRow(id): SessionRow) -> rusqlite::Result<Option<Generation>> {
    let mut find =
        db.prepare_cached("SELECT generation, issued_at, expires_at FROM refreshed WHERE id = ?1")?;
    find.query_row((id,), |r| read(r, 0, r.get(0)?)).optional()
}

fn read(r: &Row<'_>, at: usize, number: u32) -> rusqlite::Result<Generation> {
    Ok(Generation(number, row::time(r, at + 1)?, row::time(r, at + 2)?))
}

/// Stores a generation, unless there is a newer one.
pub(super) fn store(
    db: &Connection,
    SessionRow(id): SessionRow,
    Generation(number, issued_at, expires_at): Generation,
) -> rusqlite::Result<()> {
    let mut store = db.prepare_cached(
        "INSERT INTO refreshed (id, generation, issued_at, expires_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE
         SET generation = ?2, issued_at = ?3, expires_at = ?4 WHERE generation < ?2",
    )?;
    store.execute((id, number, issued_at.secs(), expires_at.secs())).map(drop)
}

/// Removes what there is of a session; answers whether there was something.
pub(super) fn remove(db: &Connection, SessionRow(id): SessionRow) -> rusqlite::Result<bool> {
    Ok(db.prepare_cached("DELETE FROM refreshed WHERE id = ?1")?.execute((id,))? == 1)
}
