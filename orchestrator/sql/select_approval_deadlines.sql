SELECT remediation_id, deadline FROM aetherius.approval_deadlines
