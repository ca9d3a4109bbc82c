SELECT workflow_id, step_id, wakes_at FROM aetherius.workflow_wakeups
