SELECT notification_id, originator_id, originator_version, topic, state FROM {events}
WHERE notification_id = ANY(%s) ORDER BY notification_id
