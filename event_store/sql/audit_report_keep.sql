WITH old AS (DELETE FROM {schema}.audit_reports WHERE made_at <= clock_timestamp() - interval '1 day' AND (actor, key) <> (%(actor)s, %(key)s))
INSERT INTO {schema}.audit_reports (actor, key, report) VALUES (%(actor)s, %(key)s, %(report)s)
ON CONFLICT (actor, key) DO UPDATE SET made_at = clock_timestamp(), report = excluded.report
