INSERT INTO {schema}.builds (name, fingerprint, timeline) VALUES (%s, %s, %s)
ON CONFLICT (name) DO UPDATE SET fingerprint = excluded.fingerprint, timeline = excluded.timeline, position = 0, indexed = false, started_at = now()
