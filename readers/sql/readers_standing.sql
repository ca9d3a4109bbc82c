SELECT
    coalesce(r.name, c.name),
    CASE WHEN r.seen_at > clock_timestamp() - interval '15 seconds' THEN greatest(r.position, coalesce(c.position, 0))
        ELSE coalesce(c.position, 0) END,
    coalesce(c.position, 0), coalesce(r.paused, false), coalesce(r.status, 'unknown'), coalesce(r.error, ''), r.poison_position,
    coalesce(r.poison_topic, ''), r.since, r.seen_at, coalesce(r.seen_at > clock_timestamp() - interval '15 seconds', false)
FROM {schema}.readers AS r FULL JOIN {checkpoints} AS c ON c.name = r.name
ORDER BY 1
