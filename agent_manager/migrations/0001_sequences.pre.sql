CREATE TABLE IF NOT EXISTS aetherius.agent_sequences (
    cluster_id text PRIMARY KEY,
    state bytea NOT NULL
);
