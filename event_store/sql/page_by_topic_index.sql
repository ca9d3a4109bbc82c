SELECT e.* FROM unnest(%s::text[]) AS wanted (name)
CROSS JOIN LATERAL (
    SELECT notification_id, originator_id, originator_version, topic, state FROM {events}
    WHERE topic = wanted.name AND notification_id > %s AND notification_id <= %s
    ORDER BY notification_id LIMIT %s
) AS e
ORDER BY e.notification_id LIMIT %s
