CREATE TABLE IF NOT EXISTS aetherius.raised_limits (
    workload text PRIMARY KEY,
    remediation_id uuid NOT NULL
)
