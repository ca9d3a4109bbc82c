CREATE TABLE IF NOT EXISTS {schema}.dropped_deliveries (
    subscription text NOT NULL,
    position bigint NOT NULL,
    key text NOT NULL,
    error text NOT NULL,
    reason text NOT NULL,
    dropped_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (subscription, position)
)
