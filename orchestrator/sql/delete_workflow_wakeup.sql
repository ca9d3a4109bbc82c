DELETE FROM aetherius.workflow_wakeups WHERE workflow_id = %s
