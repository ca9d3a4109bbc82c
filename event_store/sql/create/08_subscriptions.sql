CREATE TABLE IF NOT EXISTS {schema}.subscriptions (
    name text PRIMARY KEY,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
)
