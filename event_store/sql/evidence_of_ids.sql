SELECT notification_id FROM {events} WHERE originator_id = ANY(%s)
