CREATE SCHEMA IF NOT EXISTS {schema};

CREATE TABLE IF NOT EXISTS {ledger} (
    first bigint NOT NULL,
    last bigint PRIMARY KEY,
    n integer NOT NULL,
    recorded_at timestamptz NOT NULL,
    root bytea NOT NULL,
    prev_hash bytea NOT NULL,
    hash bytea NOT NULL,
    leaves bytea STORAGE EXTERNAL NOT NULL
);

CREATE INDEX IF NOT EXISTS {time_index} ON {ledger} (recorded_at, last);

CREATE TABLE IF NOT EXISTS {checkpoints} (
    name text PRIMARY KEY,
    position bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE IF NOT EXISTS {partitioning} (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    days integer NOT NULL DEFAULT 7 CHECK (days BETWEEN 1 AND 366),
    archive_edge timestamptz
);

INSERT INTO {partitioning} DEFAULT VALUES ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS {contents} (
    key text NOT NULL,
    chunk bigint NOT NULL,
    stretches bigint NOT NULL,
    PRIMARY KEY (key, chunk)
) WITH (fillfactor = 80);

CREATE TABLE IF NOT EXISTS {schema}.audit_reports (
    actor text NOT NULL,
    key text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    report bytea NOT NULL,
    PRIMARY KEY (actor, key)
);

CREATE TABLE IF NOT EXISTS {schema}.archived (
    name text PRIMARY KEY,
    first bigint NOT NULL,
    "end" bigint NOT NULL,
    rows bigint NOT NULL,
    first_position bigint NOT NULL,
    last_position bigint NOT NULL,
    url text NOT NULL,
    events_object text NOT NULL,
    events_size bigint NOT NULL,
    events_sha256 bytea NOT NULL,
    footer_size bigint NOT NULL,
    footer_sha256 bytea NOT NULL,
    ledger_object text NOT NULL,
    ledger_size bigint NOT NULL,
    ledger_sha256 bytea NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    restored boolean NOT NULL DEFAULT false,
    restores integer NOT NULL DEFAULT 0
);

CREATE TABLE IF NOT EXISTS {schema}.timelines (
    number integer PRIMARY KEY,
    id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    began_after bigint NOT NULL,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    server text NOT NULL
);
