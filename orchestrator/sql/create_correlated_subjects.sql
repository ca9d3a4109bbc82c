CREATE TABLE IF NOT EXISTS aetherius.correlated_subjects (
    key text PRIMARY KEY,
    incident_id uuid NOT NULL,
    failing text[] NOT NULL,
    resolved_at timestamptz
)
