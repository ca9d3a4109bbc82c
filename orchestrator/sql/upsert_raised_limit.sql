INSERT INTO aetherius.raised_limits (workload, remediation_id) VALUES (%s, %s)
ON CONFLICT (workload) DO UPDATE SET remediation_id = excluded.remediation_id
