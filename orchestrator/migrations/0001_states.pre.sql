CREATE TABLE IF NOT EXISTS aetherius.correlated_subjects (
    key text PRIMARY KEY,
    incident_id uuid NOT NULL,
    failing text[] NOT NULL,
    resolved_at timestamptz
);

ALTER TABLE aetherius.correlated_subjects ADD COLUMN IF NOT EXISTS last_sign timestamptz;

CREATE TABLE IF NOT EXISTS aetherius.workflow_wakeups (
    workflow_id uuid PRIMARY KEY,
    step_id text NOT NULL,
    wakes_at timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS aetherius.raised_limits (
    workload text PRIMARY KEY,
    remediation_id uuid NOT NULL
);

CREATE TABLE IF NOT EXISTS aetherius.open_analyses (
    analysis_id uuid PRIMARY KEY,
    cluster_id text NOT NULL
);

CREATE TABLE IF NOT EXISTS aetherius.approval_deadlines (
    remediation_id uuid PRIMARY KEY,
    deadline timestamptz NOT NULL
);
