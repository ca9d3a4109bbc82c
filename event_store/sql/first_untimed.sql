SELECT originator_id FROM {events} WHERE originator_id >= %s ORDER BY originator_id LIMIT 1
