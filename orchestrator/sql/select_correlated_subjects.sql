SELECT key, incident_id, failing, resolved_at, last_sign FROM aetherius.correlated_subjects WHERE key = ANY(%s)
