DELETE FROM aetherius.approval_deadlines WHERE remediation_id = %s
