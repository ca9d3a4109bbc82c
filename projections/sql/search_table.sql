CREATE TABLE IF NOT EXISTS {documents} (
    id text COLLATE "C" PRIMARY KEY,
    position bigint NOT NULL,
    version bigint NOT NULL,
    occurred_at bigint NOT NULL,
    count bigint,
    text text NOT NULL,
    words tsvector NOT NULL,
    document text NOT NULL,
    {columns}
)
