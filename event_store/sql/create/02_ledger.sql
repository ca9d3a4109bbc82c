CREATE TABLE IF NOT EXISTS {ledger} (
    first bigint NOT NULL,
    last bigint PRIMARY KEY,
    n integer NOT NULL,
    recorded_at timestamptz NOT NULL,
    root bytea NOT NULL,
    prev_hash bytea NOT NULL,
    hash bytea NOT NULL,
    leaves bytea STORAGE EXTERNAL NOT NULL
)
