CREATE TABLE IF NOT EXISTS {schema}.builds (
    name text PRIMARY KEY,
    fingerprint text NOT NULL,
    timeline uuid NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    indexed boolean NOT NULL DEFAULT false,
    started_at timestamptz NOT NULL DEFAULT now()
)
