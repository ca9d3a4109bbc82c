SELECT notification_id, originator_id, originator_version, topic, state FROM {events}
WHERE originator_id = %s ORDER BY originator_version
