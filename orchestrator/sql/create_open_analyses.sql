CREATE TABLE IF NOT EXISTS aetherius.open_analyses (
    analysis_id uuid PRIMARY KEY,
    cluster_id text NOT NULL
)
