CREATE TABLE IF NOT EXISTS {checkpoints} (
    name text PRIMARY KEY,
    position bigint NOT NULL
) WITH (fillfactor = 50)
