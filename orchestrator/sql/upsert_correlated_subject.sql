INSERT INTO aetherius.correlated_subjects (key, incident_id, failing, resolved_at, last_sign) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (key) DO UPDATE SET
    incident_id = excluded.incident_id, failing = excluded.failing, resolved_at = excluded.resolved_at, last_sign = excluded.last_sign
