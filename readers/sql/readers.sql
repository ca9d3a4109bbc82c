CREATE TABLE IF NOT EXISTS {schema}.readers (
    name text PRIMARY KEY,
    paused boolean NOT NULL DEFAULT false,
    resumes bigint NOT NULL DEFAULT 0,
    status text NOT NULL DEFAULT 'starting',
    position bigint NOT NULL DEFAULT 0,
    error text NOT NULL DEFAULT '',
    poison_position bigint,
    poison_topic text NOT NULL DEFAULT '',
    since timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz
)
