//! Every statement of the store, in one place, with the schema written into it once at
//! start. Each is sent unnamed with the types of its parameters: one round trip, and nothing
//! that a transaction-pooling proxy would have to remember.
//!
//! # Locks
//! Rows are locked in one order: an account's row, a ticket, a device, sessions. Who locks more
//! than one of them holds the account's row: beginning, ending all, changing a device's state
//! (which forgets other devices last: whoever else locks those has the account's row as well, or locks nothing more).
//! Every other statement locks one row, or passes over those that are locked (the sweep). So
//! nobody who waits for a row holds one that the row's holder may wait for: no deadlocks.

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident: $text:expr;)*) => {
        /// The statements, for one schema.
        pub(super) struct Statements {
            $($(#[$doc])* pub(super) $name: String,)*
        }

        impl Statements {
            /// `schema` is a name that needs no escaping ([`is_name`]).
            pub(super) fn new(schema: &str) -> Self {
                Self { $($name: in_schema($text, schema),)* }
            }
        }
    };
}

/// The columns that make a session, in the order that `row::session` reads.
macro_rules! session {
    () => {
        "s.tenant, s.account, s.ends_at, s.number, s.service, s.device, s.device_class, s.upstream,
         s.begun_at, s.generation, s.issued_at, s.expires_at, s.profile, s.on_network,
         s.authenticated_at, s.evicted, s.device_state"
    };
}

/// One session's key, parameters 1 to 4.
macro_rules! key {
    () => {
        "s.tenant = $1 AND s.account = $2 AND s.ends_at = $3 AND s.number = $4"
    };
}

statements! {
    /// Takes the account's lock until the transaction ends. The row is locked even though the
    /// condition keeps it from being written again.
    lock_account: "INSERT INTO @accounts (tenant, account) VALUES ($1, $2)
        ON CONFLICT (tenant, account) DO UPDATE SET tenant = excluded.tenant WHERE false";

    /// The same of an account that may not be there.
    find_account: "SELECT FROM @accounts WHERE tenant = $1 AND account = $2 FOR UPDATE";

    find_session: concat!("SELECT ", session!(), " FROM @sessions s WHERE ", key!());
    /// The account's sessions that are alive.
    list_sessions: concat!("SELECT ", session!(), " FROM @sessions s
        WHERE s.tenant = $1 AND s.account = $2 AND s.expires_at > $3 AND NOT s.evicted
        ORDER BY s.ends_at, s.number");
    page_sessions: concat!("SELECT ", session!(), " FROM @sessions s
        WHERE (s.tenant, s.account, s.ends_at, s.number) > ($1, $2, $3, $4)
        ORDER BY s.tenant, s.account, s.ends_at, s.number LIMIT $5");
    insert_session: "INSERT INTO @sessions (tenant, account, ends_at, number, service, device,
            device_class, upstream, begun_at, generation, issued_at, expires_at, sweep_at,
            profile, on_network, authenticated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13, $14, $15)";
    /// The whole refresh when there is nothing to decide: what `rules::refresh` rotates, and
    /// nothing else, in one statement. What is not the key is one condition: the planner would
    /// spend more time on estimates of each than the server on carrying the statement out.
    ///
    /// It answers little: each column more is planned, written and read.
    ///
    /// It is void when it arrives late: a partition that heals delivers what was sent before it,
    /// and nobody would know the pair that was made then.
    rotate: concat!("UPDATE @sessions s SET generation = s.generation + 1, issued_at = $8,
            expires_at = least($9, s.ends_at), on_network = $10, profile = coalesce($11, s.profile)
        WHERE ", key!(), " AND CASE WHEN s.generation = $5 AND s.device = $6 AND s.service = $7
            AND s.expires_at > $8 AND NOT s.evicted AND s.device_state = 0
            AND statement_timestamp() <= to_timestamp($12)
            THEN true ELSE false END
        RETURNING s.device_class, s.upstream, s.begun_at, s.expires_at, s.profile, s.authenticated_at");
    /// Ends a session that is still as it was read.
    end_unchanged: concat!("DELETE FROM @sessions s
        WHERE ", key!(), " AND s.generation = $5 AND s.issued_at = $6 AND s.expires_at = $7
            AND NOT s.evicted AND s.device_state = 0");
    end_session: concat!("DELETE FROM @sessions s
        WHERE ", key!(), " AND s.device = $5 AND s.expires_at > $6 AND NOT s.evicted");
    delete_session: concat!("DELETE FROM @sessions s WHERE ", key!());
    evict_sessions: "UPDATE @sessions SET evicted = true WHERE tenant = $1 AND account = $2
        AND (ends_at, number) IN (SELECT * FROM unnest($3, $4))";
    /// Forgets at most $4 of the evicted sessions that there are beyond $3, the oldest.
    forget_evicted: "DELETE FROM @sessions WHERE tenant = $1 AND account = $2 AND evicted
        AND (ends_at, number) IN (
            SELECT ends_at, number FROM @sessions
            WHERE tenant = $1 AND account = $2 AND evicted
            ORDER BY begun_at DESC, ends_at DESC, number DESC LIMIT $4 OFFSET $3)";
    /// Answers how many, and whether it was in time: late, as [`Self::rotate`], it would end what
    /// was begun since.
    end_account: "WITH gone AS (
            DELETE FROM @sessions
            WHERE tenant = $1 AND account = $2 AND NOT evicted
                AND statement_timestamp() <= to_timestamp($4)
            RETURNING expires_at > $3 AS alive
        )
        SELECT count(*) FILTER (WHERE alive), statement_timestamp() <= to_timestamp($4) FROM gone";

    find_device: "SELECT state, class FROM @devices WHERE tenant = $1 AND account = $2 AND id = $3";
    /// How many devices the account has that are not deleted, in all and of a class, and
    /// whether one has the id.
    count_devices: "SELECT count(*) FILTER (WHERE state <> 2),
            count(*) FILTER (WHERE state <> 2 AND class IS NOT DISTINCT FROM $4),
            count(*) FILTER (WHERE id = $3)
        FROM @devices WHERE tenant = $1 AND account = $2";
    list_devices: "SELECT id, account, name, class, information, state, registered_at
        FROM @devices WHERE tenant = $1 AND account = $2 ORDER BY id";
    insert_device: "INSERT INTO @devices
            (tenant, account, id, name, class, information, state, registered_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    /// A deleted device keeps its name. Answers as [`Self::set_device`] does.
    name_device: "WITH changed AS (
            UPDATE @devices SET name = $4
            WHERE tenant = $1 AND account = $2 AND id = $3 AND state <> 2
                AND statement_timestamp() <= to_timestamp($5)
            RETURNING 1
        )
        SELECT EXISTS (SELECT FROM changed), statement_timestamp() <= to_timestamp($5)";
    /// Changes a device's state and what its sessions know of it; a deleted one can become
    /// deleted again, and nothing else. Deleting ends the sessions. Answers whether there was
    /// one to change, and whether it was in time: late, it would undo what was done since.
    set_device: "WITH changed AS (
            UPDATE @devices SET state = $4
            WHERE tenant = $1 AND account = $2 AND id = $3 AND (state <> 2 OR $4 = 2)
                AND statement_timestamp() <= to_timestamp($5)
            RETURNING 1
        ), told AS (
            UPDATE @sessions SET device_state = $4, evicted = evicted OR $4 = 2
            WHERE tenant = $1 AND account = $2 AND device = $3 AND device_state <> $4
                AND EXISTS (SELECT FROM changed)
        )
        SELECT EXISTS (SELECT FROM changed), statement_timestamp() <= to_timestamp($5)";

    /// Forgets the oldest of the account's deleted devices but one, when they are many.
    forget_deleted: "DELETE FROM @devices WHERE tenant = $1 AND account = $2 AND id IN (
            SELECT id FROM @devices WHERE tenant = $1 AND account = $2 AND state = 2 AND id <> $3
            ORDER BY registered_at DESC, id DESC OFFSET $4 LIMIT $5)";

    put_ticket: "INSERT INTO @tickets (digest, tenant, service, account, expires_at, sign_on)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (digest) DO UPDATE SET tenant = excluded.tenant, service = excluded.service,
            account = excluded.account, expires_at = excluded.expires_at,
            sign_on = excluded.sign_on";
    find_ticket: "SELECT tenant, service, account, expires_at, sign_on FROM @tickets
        WHERE digest = $1";
    claim_ticket: "SELECT tenant, service, account, expires_at, sign_on FROM @tickets
        WHERE digest = $1 FOR UPDATE";
    delete_ticket: "DELETE FROM @tickets WHERE digest = $1";

    load_keys: "SELECT version, bytes FROM @keys WHERE name = $1";
    create_keys: "INSERT INTO @keys (name, version, bytes) VALUES ($1, 1, $2)
        ON CONFLICT (name) DO NOTHING";
    swap_keys: "UPDATE @keys SET version = version + 1, bytes = $2
        WHERE name = $1 AND version = $3";

    /// Removes sessions that have expired, of those that were to be looked at; the others are
    /// looked at again when they would expire now. Answers how many were removed and looked at.
    sweep_sessions: "WITH due AS MATERIALIZED (
            SELECT tenant, account, ends_at, number, expires_at FROM @sessions
            WHERE sweep_at <= $1 ORDER BY sweep_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM @sessions s USING due d
            WHERE d.expires_at <= $1 AND s.expires_at <= $1 AND s.tenant = d.tenant
                AND s.account = d.account AND s.ends_at = d.ends_at AND s.number = d.number
            RETURNING 1
        ), kept AS (
            UPDATE @sessions s SET sweep_at = s.expires_at FROM due d
            WHERE d.expires_at > $1 AND s.expires_at > $1 AND s.tenant = d.tenant
                AND s.account = d.account AND s.ends_at = d.ends_at AND s.number = d.number
        )
        SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM due)";
    sweep_tickets: "DELETE FROM @tickets WHERE expires_at <= $1 AND digest IN (
            SELECT digest FROM @tickets WHERE expires_at <= $1
            ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

    /// Whether this server takes writes, and keeps those that it has acknowledged; and its time.
    check: "SELECT current_setting('transaction_read_only') = 'on',
            coalesce(current_setting('synchronous_commit', true), 'on'),
            extract(epoch FROM clock_timestamp())::float8";
    /// Is written and waited for as every change is, and changes nothing.
    probe: "SELECT pg_logical_emit_message(true, 'cambio', '')";
    /// Which database it is, and which timeline a server writes that takes writes: the first eight
    /// digits of its file of WAL.
    timeline: "SELECT (SELECT system_identifier FROM pg_control_system()),
            ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint";
}

/// The statement or migration with its tables in a schema.
pub(super) fn in_schema(text: &str, schema: &str) -> String {
    text.replace('@', &format!("\"{schema}\"."))
}

/// Whether a schema's name is one that means the same quoted and unquoted.
pub(super) fn is_name(schema: &str) -> bool {
    let first = |b: &u8| b.is_ascii_lowercase() || *b == b'_';
    schema.len() <= 63
        && schema.as_bytes().first().is_some_and(first)
        && schema.bytes().all(|b| first(&b) || b.is_ascii_digit())
        && !schema.starts_with("pg_")
}
