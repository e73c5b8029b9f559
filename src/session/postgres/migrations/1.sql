-- What a session store remembers. `@` stands for the schema.
--
-- Keys compare by their bytes (COLLATE "C"): as Cambio orders them, fast, and sound when a
-- system's collations change under an index. Wide columns come first, so that rows hold no padding.

-- The lock of everything that decides about more than one row of an account.
CREATE TABLE @accounts (
    tenant text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, account)
);

CREATE TABLE @sessions (
    ends_at bigint NOT NULL,
    number bigint NOT NULL,
    begun_at bigint NOT NULL,
    issued_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    -- When the sweep looks at the row. A refresh moves expires_at and leaves this, so that it
    -- changes no indexed column and its new row version stays on the page (HOT).
    sweep_at bigint NOT NULL,
    authenticated_at bigint NOT NULL,
    generation integer NOT NULL,
    device_state smallint NOT NULL DEFAULT 0, -- the device's, so that a refresh reads one row
    evicted boolean NOT NULL DEFAULT false,
    on_network boolean NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    service text COLLATE "C" NOT NULL,
    device text COLLATE "C" NOT NULL,
    device_class bytea,
    upstream bytea,
    profile text COLLATE "C" NOT NULL, -- the account as the current pair states it, JSON
    PRIMARY KEY (tenant, account, ends_at, number)
) WITH (
    fillfactor = 85,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.05
);

CREATE INDEX sessions_sweep_at ON @sessions (sweep_at);

CREATE TABLE @devices (
    registered_at bigint NOT NULL,
    state smallint NOT NULL, -- 0 active, 1 disabled, 2 deleted
    tenant text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    -- Bytes: clients choose these, and a text cannot hold a zero character.
    class bytea,
    name bytea,
    information text COLLATE "C" NOT NULL, -- JSON
    PRIMARY KEY (tenant, account, id)
);

CREATE TABLE @tickets (
    expires_at bigint NOT NULL,
    digest bytea NOT NULL PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    service text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    sign_on text COLLATE "C" -- JSON
) WITH (
    autovacuum_vacuum_scale_factor = 0.02
);

CREATE INDEX tickets_expires_at ON @tickets (expires_at);

CREATE TABLE @keys (
    version bigint NOT NULL,
    name text COLLATE "C" NOT NULL PRIMARY KEY,
    bytes bytea NOT NULL
);
