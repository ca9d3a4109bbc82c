SELECT originator_id FROM {events} WHERE originator_id < %s ORDER BY originator_id DESC LIMIT 1
