CREATE TABLE IF NOT EXISTS {schema}.search_parked (
    document_id text PRIMARY KEY,
    position bigint NOT NULL,
    kind text NOT NULL,
    reason text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now()
)
