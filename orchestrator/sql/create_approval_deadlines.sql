CREATE TABLE IF NOT EXISTS aetherius.approval_deadlines (
    remediation_id uuid PRIMARY KEY,
    deadline timestamptz NOT NULL
)
