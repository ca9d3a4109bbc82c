INSERT INTO aetherius.workflow_wakeups (workflow_id, step_id, wakes_at) VALUES (%s, %s, %s)
ON CONFLICT (workflow_id) DO UPDATE SET step_id = excluded.step_id, wakes_at = excluded.wakes_at
