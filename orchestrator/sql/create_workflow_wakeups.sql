CREATE TABLE IF NOT EXISTS aetherius.workflow_wakeups (
    workflow_id uuid PRIMARY KEY,
    step_id text NOT NULL,
    wakes_at timestamptz NOT NULL
)
