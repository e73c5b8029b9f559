//! How a file comes from each schema to the next; `schema.rs` takes the steps.

/// One step each; `user_version` counts those a file has been through.
pub(super) const MIGRATIONS: &[&str] = &[
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

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::MIGRATIONS;

    /// A temporary index of all sessions for a few entries of the log would be a long start after a crash.
    #[test]
    fn the_sixth_step_searches_for_rows_only() {
        let db = Connection::open_in_memory().unwrap();
        MIGRATIONS[..5].iter().for_each(|step| db.execute_batch(step).unwrap());
        let from = MIGRATIONS[5].find("INSERT INTO refreshed").unwrap();
        let (table, rest) = MIGRATIONS[5].split_at(from);
        db.execute_batch(table).unwrap();
        let insert = rest.split(';').next().unwrap();
        let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {insert}")).unwrap();
        let lines = plan.query_map((), |row| row.get::<_, String>(3)).unwrap();
        let lines = lines.collect::<Result<Vec<_>, _>>().unwrap();
        let of_sessions: Vec<_> = lines.iter().filter(|line| line.contains(" s ")).collect();
        assert_eq!(of_sessions, ["SEARCH s USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"]);
    }
}
