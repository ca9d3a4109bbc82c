SELECT notification_id, state FROM {events}
WHERE notification_id >= %s AND position(%s::bytea IN state) > 0 ORDER BY notification_id
