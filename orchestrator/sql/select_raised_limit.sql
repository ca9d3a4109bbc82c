SELECT remediation_id FROM aetherius.raised_limits WHERE workload = %s
