SELECT e.notification_id, e.originator_id, e.originator_version, e.topic, e.state
FROM unnest(%(firsts)s::bigint[], %(lasts)s::bigint[]) AS stretch (first, last)
CROSS JOIN LATERAL (
    SELECT notification_id, originator_id, originator_version, topic, state FROM {events}
    WHERE notification_id >= stretch.first AND notification_id <= stretch.last
        AND (%(topics)s::text[] IS NULL OR topic = ANY(%(topics)s))
        AND (%(said)s::bytea[] IS NULL OR EXISTS (
            SELECT FROM unnest(%(said)s::bytea[]) AS said (text) WHERE position(said.text IN state) > 0
        ))
    ORDER BY notification_id LIMIT %(limit)s
) AS e
ORDER BY e.notification_id LIMIT %(limit)s
