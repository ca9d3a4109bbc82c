SELECT e.notification_id, e.originator_id, e.originator_version, e.topic, e.state
FROM (
    SELECT found.notification_id
    FROM unnest(%s::text[]) AS wanted (topic)
    CROSS JOIN LATERAL (
        SELECT notification_id FROM {events}
        WHERE topic = wanted.topic AND notification_id > %s AND notification_id <= %s
        ORDER BY notification_id LIMIT %s
    ) AS found
    ORDER BY found.notification_id LIMIT %s
) AS page
JOIN {events} AS e ON e.notification_id = page.notification_id
ORDER BY e.notification_id
