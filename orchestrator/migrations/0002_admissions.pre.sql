CREATE TABLE IF NOT EXISTS aetherius.repair_admissions (
    remediation_id uuid PRIMARY KEY,
    cluster_id text NOT NULL,
    namespace text NOT NULL,
    action text NOT NULL,
    by_person boolean NOT NULL,
    approved_at timestamptz NOT NULL,
    begun_at timestamptz,
    ended_at timestamptz,
    clean_up_held boolean NOT NULL
);
