CREATE TABLE IF NOT EXISTS {intervals} (
    id uuid NOT NULL,
    created bigint NOT NULL,
    subject uuid NOT NULL,
    valid_from bigint NOT NULL,
    valid_to bigint,
    occurred_from timestamptz NOT NULL,
    occurred_to timestamptz,
    ended_by bigint,
    level smallint,
    known_level smallint,
    {columns}
)
