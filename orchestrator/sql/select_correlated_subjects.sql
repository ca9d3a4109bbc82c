SELECT key, incident_id, failing, resolved_at FROM aetherius.correlated_subjects WHERE key = ANY(%s)
