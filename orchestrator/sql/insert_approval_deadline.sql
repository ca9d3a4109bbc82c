INSERT INTO aetherius.approval_deadlines (remediation_id, deadline) VALUES (%s, %s) ON CONFLICT DO NOTHING
