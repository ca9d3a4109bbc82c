CREATE TABLE IF NOT EXISTS aetherius.shared_causes (
    key text PRIMARY KEY,
    incident_id uuid,
    members uuid[] NOT NULL,
    seen timestamptz[] NOT NULL
);
