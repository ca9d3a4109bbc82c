INSERT INTO {schema}.readers AS r (name, status, position, error, poison_position, poison_topic, seen_at)
SELECT name, status, position, error, poison_position, poison_topic, clock_timestamp()
FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::bigint[], %s::text[])
    AS told (name, status, position, error, poison_position, poison_topic)
ORDER BY name
ON CONFLICT (name) DO UPDATE SET
    since = CASE WHEN r.status = excluded.status THEN r.since ELSE clock_timestamp() END,
    status = excluded.status, position = excluded.position, error = excluded.error,
    poison_position = excluded.poison_position, poison_topic = excluded.poison_topic, seen_at = excluded.seen_at
