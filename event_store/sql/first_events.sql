SELECT notification_id, originator_id, originator_version, topic, state FROM {events}
WHERE originator_id = ANY(%s) AND originator_version = 1
