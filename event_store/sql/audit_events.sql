SELECT notification_id, originator_id, originator_version, topic, state FROM {events} ORDER BY notification_id
