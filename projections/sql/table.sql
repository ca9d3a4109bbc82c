CREATE TABLE IF NOT EXISTS {table} (
    id uuid NOT NULL,
    created bigint NOT NULL,
    valid_from bigint NOT NULL,
    valid_to bigint,
    {columns},
    doc json NOT NULL,
    CHECK (valid_to > valid_from)
)
