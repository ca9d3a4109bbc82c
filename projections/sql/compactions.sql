CREATE TABLE IF NOT EXISTS {schema}.compactions (
    name text PRIMARY KEY,
    position bigint NOT NULL
)
