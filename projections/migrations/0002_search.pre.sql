CREATE TABLE IF NOT EXISTS read_models.search_parked (
    document_id text PRIMARY KEY,
    position bigint NOT NULL,
    kind text NOT NULL,
    reason text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS read_models.search_generations (backend text PRIMARY KEY, generation integer NOT NULL);

CREATE TABLE IF NOT EXISTS read_models.search_marks (generation integer PRIMARY KEY, position bigint NOT NULL);
