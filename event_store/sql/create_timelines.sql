CREATE TABLE IF NOT EXISTS {schema}.timelines (
    number integer PRIMARY KEY,
    id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    began_after bigint NOT NULL,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    server text NOT NULL
)
