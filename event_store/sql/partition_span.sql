SELECT count(*), coalesce(min(notification_id), 0), coalesce(max(notification_id), 0) FROM {events}
