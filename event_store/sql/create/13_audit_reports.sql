CREATE TABLE IF NOT EXISTS {schema}.audit_reports (
    actor text NOT NULL,
    key text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    report bytea NOT NULL,
    PRIMARY KEY (actor, key)
)
