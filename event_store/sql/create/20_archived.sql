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
    ledger_object text NOT NULL,
    ledger_size bigint NOT NULL,
    ledger_sha256 bytea NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    restored boolean NOT NULL DEFAULT false,
    restores integer NOT NULL DEFAULT 0
)
